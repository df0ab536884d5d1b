"""Pictures of the docs: each that is named is there, and each that is there is named."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
IMAGES = DOCS / "images"
GUIDE = DOCS / "guides" / "incident-in-airflow.md"
_PICTURE = re.compile(r"!\[([^\]]+)\]\(([^)]+)\)")


def _shown(document: Path) -> list[Path]:
    """The pictures that a document shows, in its order."""
    found = _PICTURE.findall(document.read_text("utf-8"))
    return [(document.parent / target).resolve() for _, target in found]


def test_each_picture_that_is_named_is_there_and_each_that_is_there_is_named() -> None:
    named = {path for document in DOCS.rglob("*.md") for path in _shown(document)}
    assert named == {path for path in IMAGES.rglob("*") if path.is_file()}


def test_the_walk_shows_its_pictures_in_order() -> None:
    shown = _shown(GUIDE)
    assert [path.name.partition("-")[0] for path in shown] == [
        f"{number}" for number in range(1, len(shown) + 1)
    ]
    assert {*shown} == {*(IMAGES / "incident").iterdir()}


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (IMAGES / "incident").iterdir()}
    assert {name: size for name, size in sizes.items() if size > 150_000} == {}
