"""The files below the landing folder, and which of them may be read."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gatehouse.ingest.mapping import SourceMapping

# Names that say: not complete yet, or not data.
_UNFINISHED = re.compile(r"^[._]|\.(tmp|temp|part|partial|crdownload|swp|inprogress)$|~$")
_BLOCK = 4 * 1024 * 1024
# As in batch.py: the first date of a path.
_DATE = re.compile(r"(?:^|[^0-9])((?:19|20)\d{2}[-/_]?\d{2}[-/_]?\d{2})(?:[^0-9]|$)")


@dataclass(frozen=True)
class Candidate:
    """One file that one mapping reads.

    Attributes:
        mapping: the mapping that reads it.
        path: where it is.
        shown: its path below the landing folder, as valid text.
        file_id: SHA-256 of its bytes, with the date or path that its rows are read from; of its
            path alone where it has no bytes to read.
        size: bytes.
        stamp: what changes when the file does.
        problem: why it cannot be read at all.
    """

    mapping: SourceMapping
    path: Path
    shown: str
    file_id: str
    size: int
    stamp: tuple[int, ...]
    problem: str | None = None

    def changed(self) -> bool:
        """Whether the file is no longer the one that was hashed."""
        try:
            return _stamp(self.path.stat()) != self.stamp
        except OSError:
            return True


@dataclass
class Found:
    """What is in the landing folder."""

    candidates: list[Candidate] = field(default_factory=list)
    waiting: list[tuple[SourceMapping, str]] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


def find_files(
    folder: Path, mappings: Iterable[SourceMapping], *, settle_seconds: float = 0
) -> Found:
    """Everything in ``folder`` that a mapping reads, hashed, in the order of paths.

    Links that lead outside the folder, folders and devices that are named like files, and
    files that cannot be opened come with their problem, and are never opened.

    Args:
        folder: the landing folder.
        mappings: the mappings to match.
        settle_seconds: a file changed less than this ago is still being written.
    """
    root = folder.resolve()
    mappings = list(mappings)
    found = Found()
    for path in _walk(root):
        shown = shown_path(path.relative_to(root))
        finished = _UNFINISHED.sub("", path.name)
        if finished != path.name:
            final = shown_path(path.relative_to(root).with_name(finished or "_"))
            found.waiting += [(m, shown) for m in mappings if m.matches(shown) or m.matches(final)]
            continue
        readers = [mapping for mapping in mappings if mapping.matches(shown)]
        if not readers:
            found.unmatched.append(shown)
            continue
        _take(found, root, path, shown, readers, settle_seconds)
    return found


def shown_path(path: Path) -> str:
    """A path as valid text: names on disk may be any bytes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _walk(root: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(root):
        folders.sort()
        here = Path(parent)
        linked = [name for name in folders if (here / name).is_symlink()]
        for name in sorted(files + linked):
            yield here / name
        # A folder with a suffix is named like a file: say so instead of looking into it only.
        for name in folders:
            if Path(name).suffix and name not in linked:
                yield here / name


def _take(
    found: Found,
    root: Path,
    path: Path,
    shown: str,
    readers: list[SourceMapping],
    settle_seconds: float,
) -> None:
    try:
        problem, info = _inspect(root, path)
        if problem is None and time.time() - info.st_mtime < settle_seconds:
            found.waiting += [(mapping, shown) for mapping in readers]
            return
        digest = _digest(path) if problem is None else None
        size, stamp = info.st_size, _stamp(info)
    except OSError as error:
        problem, digest, size, stamp = f"cannot be read: {error.strerror}", None, 0, ()
    found.candidates += [
        Candidate(mapping, path, shown, _file_id(mapping, shown, digest), size, stamp, problem)
        for mapping in readers
    ]


def _file_id(mapping: SourceMapping, shown: str, digest: str | None) -> str:
    """What makes a file the same file: its bytes, and what its rows take from its path.

    An unchanged list delivered on another day is another edition.
    """
    if digest is None:
        return "path:" + hashlib.sha256(shown.encode()).hexdigest()
    date = _DATE.search(shown)
    if "_path" in mapping.path_fields:
        return hashlib.sha256(f"{digest} {shown}".encode()).hexdigest()
    if "_path_date" in mapping.path_fields and date:
        digits = re.sub(r"\D", "", date.group(1))
        return hashlib.sha256(f"{digest} {digits}".encode()).hexdigest()
    return digest


def _inspect(root: Path, path: Path) -> tuple[str | None, os.stat_result]:
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return "is a link that leads nowhere", info
        if not target.is_relative_to(root):
            return "is a link that leads outside the landing folder", info
        info = path.stat()
    if stat.S_ISDIR(info.st_mode):
        return "is a folder, not a file", info
    if not stat.S_ISREG(info.st_mode):
        return "is a device, pipe or socket, not a file", info
    return None, info


def _stamp(info: os.stat_result) -> tuple[int, ...]:
    return (info.st_size, info.st_mtime_ns, info.st_ino)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
