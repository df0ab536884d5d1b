"""The files below the landing folder, and which of them may be read."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatehouse.ingest.digests import Digests, Stamp, stamp_of
from gatehouse.ingest.mapping import SourceMapping

# Names that say: not complete yet, or not data.
_UNFINISHED = re.compile(r"^[._]|\.(tmp|temp|part|partial|crdownload|swp|inprogress)$|~$")
# As in batch.py: the first date of a path.
_DATE = re.compile(r"(?:^|[^0-9])((?:19|20)\d{2}[-/_]?\d{2}[-/_]?\d{2})(?:[^0-9]|$)")


@dataclass(frozen=True)
class Candidate:
    """One file that one mapping reads.

    Attributes:
        mapping: the mapping that reads it.
        path: where it is.
        shown: its path below the landing folder, as valid text.
        file_id: SHA-256 of its bytes, with the date or path that its rows are read from; where
            rows have no identity, of what is in it: compressing a log makes it no other log. Of
            its path alone where it has no bytes to read.
        size: bytes.
        stamp: what changes when the file does.
        problem: why it cannot be read at all.
    """

    mapping: SourceMapping
    path: Path
    shown: str
    file_id: str
    size: int
    stamp: Stamp
    problem: str | None = None

    def changed(self) -> bool:
        """Whether the file is no longer the one that was hashed."""
        try:
            return stamp_of(self.path.stat()) != self.stamp
        except OSError:
            return True

    def was_loaded(self, paths: Mapping[str, str], digests: Digests) -> bool:
        """Whether this file is one of ``paths`` (path by id) under another mapping's kind of id.

        A mapping that begins or ceases to read the path, or the identity, gives every file
        another id. What was loaded stays loaded. Where the path has begun to matter, the same
        bytes elsewhere may be another edition; not where rows have no identity: no row of a
        log that was moved may count twice.

        Raises:
            OSError: the file cannot be read.
        """
        own = _kind(self.mapping, self.shown)
        anywhere = self.mapping.identity == "none"
        return any(
            known in paths and (anywhere or kind == own or paths[known] == self.shown)
            for digest in digests.both(self.path, self.stamp)
            for kind in ("", _date_of(self.shown), self.shown)
            for known in [_id(digest, kind)]
        )


@dataclass
class Found:
    """What is in the landing folder."""

    candidates: list[Candidate] = field(default_factory=list)
    waiting: list[tuple[SourceMapping, str]] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


def find_files(
    folder: Path,
    mappings: Iterable[SourceMapping],
    digests: Digests,
    *,
    settle_seconds: float = 0,
) -> Found:
    """Everything in ``folder`` that a mapping reads, hashed, in the order of paths.

    Links that lead outside the folder, folders and devices that are named like files, and
    files that cannot be opened come with their problem, and are never opened.

    Args:
        folder: the landing folder.
        mappings: the mappings to match.
        digests: what files hashed to before.
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
        _take(found, root, path, shown, readers, digests, settle_seconds)
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
    digests: Digests,
    settle_seconds: float,
) -> None:
    try:
        problem, info = _inspect(root, path)
        # A clock ahead of ours must not keep a file waiting for years.
        if problem is None and abs(time.time() - info.st_mtime) < settle_seconds:
            found.waiting += [(mapping, shown) for mapping in readers]
            return
        size, stamp = info.st_size, stamp_of(info)
        ids = [
            _id(digests.of(path, stamp, of_content=m.identity == "none"), _kind(m, shown))
            if problem is None
            else _path_id(shown)
            for m in readers
        ]
    except OSError as error:
        problem, size, stamp = f"cannot be read: {error.strerror}", 0, (0, 0, 0, 0)
        ids = [_path_id(shown)] * len(readers)
    found.candidates += [
        Candidate(mapping, path, shown, file_id, size, stamp, problem)
        for mapping, file_id in zip(readers, ids, strict=True)
    ]


def _path_id(shown: str) -> str:
    return "path:" + hashlib.sha256(shown.encode()).hexdigest()


def _kind(mapping: SourceMapping, shown: str) -> str:
    """What the rows of a file take from its path, and so makes it another file elsewhere.

    An unchanged list delivered on another day is another edition.
    """
    if "_path" in mapping.path_fields:
        return shown
    return _date_of(shown) if "_path_date" in mapping.path_fields else ""


def _date_of(shown: str) -> str:
    date = _DATE.search(shown)
    return re.sub(r"\D", "", date.group(1)) if date else ""


def _id(digest: str, kind: str) -> str:
    return hashlib.sha256(f"{digest} {kind}".encode()).hexdigest() if kind else digest


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
