"""The bytes of a file, decompressed as they say themselves, whatever the file is called."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

BLOCK_BYTES = 8 * 1024 * 1024
# A file that grows more than this is an accident or an attack, not a log.
_MAX_EXPANSION = 200
_FREE_BYTES = 1024**3

_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_UNSUPPORTED = {
    b"PK\x03\x04": "is a ZIP archive; only gzip and bz2 are read",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; only gzip and bz2 are read",
    b"\xfd7zXZ\x00": "is compressed with xz; only gzip and bz2 are read",
    b"7z\xbc\xaf": "is a 7z archive; only gzip and bz2 are read",
}


class FileProblem(Exception):  # noqa: N818 - a finding about a file, not a failure of the program
    """Why a whole file cannot be read; its text is the reason in the ledger."""


def magic_of(path: Path) -> bytes:
    """The first bytes of a file, after decompression."""
    with _open(path) as stream:
        return _guarded(stream, 4)


def is_plain(path: Path) -> bool:
    """Whether a file's bytes are its text: not compressed, no byte order mark."""
    with path.open("rb") as file:
        magic = file.read(4)
    marks = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return not magic.startswith((_GZIP, _BZIP2, *marks))


def blocks(path: Path, encoding: str = "utf-8") -> Iterator[bytes]:
    """A file's text as blocks of UTF-8, decompressed, without its byte order mark.

    Where the encoding is UTF-8 the bytes are passed on as they are, valid or not.

    Raises:
        FileProblem: it cannot be decompressed or decoded; says why.
    """
    size = max(path.stat().st_size, 1)
    total = 0
    decoder: codecs.IncrementalDecoder | None = None
    with _open(path) as stream:
        first = True
        while block := _guarded(stream, BLOCK_BYTES):
            total += len(block)
            if total > _FREE_BYTES and total > size * _MAX_EXPANSION:
                raise FileProblem(f"expands more than {_MAX_EXPANSION} times")
            if first:
                block, decoder = _start(block, encoding)
                first = False
            yield block if decoder is None else _decode(decoder, block, final=False)
        if decoder is not None:
            yield _decode(decoder, b"", final=True)


def _start(block: bytes, encoding: str) -> tuple[bytes, codecs.IncrementalDecoder | None]:
    """A byte order mark is the file's own word on its encoding: it wins over the mapping's."""
    if block.startswith(codecs.BOM_UTF8):
        return block[len(codecs.BOM_UTF8) :], None
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    if codecs.lookup(encoding).name in {"utf-8", "ascii"}:
        return block, None
    return block, codecs.getincrementaldecoder(encoding)("strict")


def _decode(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> bytes:
    try:
        return decoder.decode(block, final).encode("utf-8")
    except UnicodeError as error:
        raise FileProblem(f"is not text in the encoding {decoder_name(error)}") from error


def decoder_name(error: UnicodeError) -> str:
    """Name of the encoding that an error is about."""
    return getattr(error, "encoding", "given")


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        magic = file.read(6)
    for start, reason in _UNSUPPORTED.items():
        if magic.startswith(start):
            raise FileProblem(reason)
    if magic.startswith(_GZIP):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if magic.startswith(_BZIP2):
        return cast("IO[bytes]", bz2.open(path, "rb"))
    return path.open("rb")


def _guarded(stream: IO[bytes], size: int) -> bytes:
    try:
        return stream.read(size)
    except EOFError as error:
        raise FileProblem("is cut off: its compressed data ends too early") from error
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise FileProblem("is damaged: its compressed data cannot be read") from error
    except OSError as error:
        if error.errno is None:  # what the bz2 module raises for bad data
            raise FileProblem("is damaged: its compressed data cannot be read") from error
        raise FileProblem(f"cannot be read: {error.strerror}") from error
