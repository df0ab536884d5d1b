"""A small landing folder, and the ways in which the same rows can arrive differently."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from gatehouse.files import write_whole
from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation

_START = datetime(2026, 3, 2, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Delivery:
    """One file: where it is, and where in a landing folder it goes."""

    source: Path
    target: str

    def put(self, landing: Path) -> None:
        """Deliver it."""
        write_whole(landing / self.target, self.source.read_bytes())


def make_landing(folder: Path, *, actors: int, days: int, seed: int) -> list[Delivery]:
    """Simulated days, a web log and ratings; the last two have no ids and equal lines.

    Returns:
        The files in the order of their days.
    """
    settings = Settings(home=folder / "world")
    run_simulation(settings, actors=actors, days=days, seed=seed)
    for day in range(days):
        _write_web_log(settings.landing, day, random.Random(f"web {seed} {day}"))  # noqa: S311
        _write_ratings(settings.landing, day, random.Random(f"rate {seed} {day}"))  # noqa: S311
    files = [path for path in settings.landing.rglob("*") if path.is_file()]
    files.sort(key=lambda path: (path.parent.name, str(path)))
    return [Delivery(path, str(path.relative_to(settings.landing))) for path in files]


def split(delivery: Delivery, folder: Path, rng: random.Random) -> Iterator[Delivery]:
    """The rows of a file in two files, each row in either."""
    path, name = delivery.source, Path(delivery.target)
    stem, endings = name.name.split(".", 1)
    for part, content in enumerate(_halves(path, rng)):
        target = folder / f"{len(list(folder.iterdir()))}.{endings}"
        target.write_bytes(content)
        yield Delivery(target, str(name.with_name(f"{stem}-half{part}.{endings}")))


def again(delivery: Delivery, number: int) -> Delivery:
    """The same file under another name."""
    name = Path(delivery.target)
    return Delivery(delivery.source, str(name.with_name(f"again{number}-{name.name}")))


def _halves(path: Path, rng: random.Random) -> list[bytes]:
    if path.suffix == ".parquet":
        return _parquet_halves(path, rng)
    raw = path.read_bytes()
    zipped = path.suffix == ".gz"
    lines = (gzip.decompress(raw) if zipped else raw).splitlines(keepends=True)
    head, rows = (lines[:1], lines[1:]) if ".csv" in path.suffixes else ([], lines)
    first = [rng.random() < 0.5 for _ in rows]
    parts = [
        b"".join([*head, *(row for row, mine in zip(rows, first, strict=True) if mine == side)])
        for side in (True, False)
    ]
    return [gzip.compress(part, mtime=0) if zipped else part for part in parts if part]


def _parquet_halves(path: Path, rng: random.Random) -> list[bytes]:
    table = pq.read_table(path, partitioning=None)
    first = [rng.random() < 0.5 for _ in range(table.num_rows)]
    parts = []
    for side in (True, False):
        positions = [at for at, mine in enumerate(first) if mine == side]
        if positions:
            staged = path.with_name(".half")
            pq.write_table(table.take(positions), staged)
            parts.append(staged.read_bytes())
            staged.unlink()
    return parts


def _write_web_log(landing: Path, day: int, rng: random.Random) -> None:
    at = _START + timedelta(days=day)
    lines = []
    for _ in range(150):
        at += timedelta(seconds=rng.randrange(40))
        line = (
            f"10.0.0.{rng.randrange(30)} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "
            f'"GET /page/{rng.randrange(12)} HTTP/1.1" 200 {rng.randrange(9_000)} "-" "client/1"'
        )
        # Two equal requests in a second are two requests.
        lines += [line] * (2 if rng.random() < 0.1 else 1)
    lines.insert(rng.randrange(len(lines)), "this is no request")
    _write(landing / "web_access" / f"access-{day}.log", lines)


def _write_ratings(landing: Path, day: int, rng: random.Random) -> None:
    at = _START + timedelta(days=day)
    lines = [
        f"{rng.randrange(20)},{rng.randrange(4)},{rng.randrange(6)},{at:%Y-%m-%d %H}:{minute:02}"
        for minute in (rng.randrange(60) for _ in range(120))
    ]
    repeated = rng.sample(lines, 12)
    _write(
        landing / "ratings" / f"{day}.csv", ["reviewerId,vendorId,rating,date", *lines, *repeated]
    )


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
