"""Hashes of files, each file read once for as long as it stays as it is."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatehouse.ingest.streams import FileProblem, blocks, is_plain

_BLOCK = 4 * 1024 * 1024
# A file changed this recently may change again within the tick of its file system's clock.
_TICK_SECONDS = 2.0
Stamp = tuple[int, int, int, int]


def stamp_of(info: os.stat_result) -> Stamp:
    """What changes when a file does: size, times of change, and which file it is.

    Whoever writes a file can set its modification time (``tar``, ``cp -p``), but not ``ctime``.
    """
    return (info.st_size, info.st_mtime_ns, info.st_ino, info.st_ctime_ns)


class Digests:
    """Remembers what files hashed to; only a cache, and safe to delete.

    Args:
        connection: of its SQLite file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(
            "create table if not exists stamped_digests (path blob, of_content integer, "
            "size integer, mtime_ns integer, inode integer, ctime_ns integer, digest text, "
            "primary key (path, of_content))"
        )
        # Of a version whose stamp held no ctime.
        connection.execute("drop table if exists digests")

    @classmethod
    @contextmanager
    def open(cls, file: Path) -> Iterator[Digests]:
        """The cache in ``file``; begun anew if that is damaged."""
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = sqlite3.connect(file, isolation_level=None)
            digests = cls(connection)
        except sqlite3.DatabaseError:
            connection.close()
            file.unlink()
            connection = sqlite3.connect(file, isolation_level=None)
            digests = cls(connection)
        try:
            connection.execute("begin")
            yield digests
            connection.execute("commit")
        finally:
            connection.close()

    def of(self, path: Path, stamp: Stamp, *, of_content: bool) -> str:
        """SHA-256 of a file.

        Args:
            path: the file.
            stamp: as `stamp_of` gave it before.
            of_content: of what is in it, however it is compressed, instead of its bytes.

        Raises:
            OSError: the file cannot be read.
        """
        key = (os.fsencode(path), int(of_content))
        row = self._connection.execute(
            "select digest from stamped_digests where path = ? and of_content = ? "
            "and size = ? and mtime_ns = ? and inode = ? and ctime_ns = ?",
            (*key, *stamp),
        ).fetchone()
        if row is not None:
            return str(row[0])
        digest = _of_content(path) if of_content else _of_bytes(path)
        if time.time() - max(stamp[1], stamp[3]) / 1e9 > _TICK_SECONDS:
            self._connection.execute(
                "insert or replace into stamped_digests values (?, ?, ?, ?, ?, ?, ?)",
                (*key, *stamp, digest),
            )
        return digest

    def both(self, path: Path, stamp: Stamp) -> frozenset[str]:
        """SHA-256 of a file's bytes and of what is in it: one, where the two are the same.

        Raises:
            OSError: the file cannot be read.
        """
        of_bytes = self.of(path, stamp, of_content=False)
        if is_plain(path):
            return frozenset({of_bytes})
        return frozenset({of_bytes, self.of(path, stamp, of_content=True)})

    def keep(self) -> None:
        """Write down what was hashed so far, whatever becomes of the rest."""
        self._connection.execute("commit")
        self._connection.execute("begin")


def _of_bytes(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _of_content(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        for block in blocks(path):
            digest.update(block)
    except FileProblem:  # the reader will say what it is
        return _of_bytes(path)
    return digest.hexdigest()
