"""Writing a file so that nobody ever reads half of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def write_whole(path: Path, content: Any) -> Path:
    """Write a file, with its folders; a reader sees the old one or the new one, whole.

    Args:
        path: where to.
        content: text, written as UTF-8, or anything with a buffer of bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The dot hides it from whoever lists the folder meanwhile; two processes may write at once.
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_bytes(content.encode() if isinstance(content, str) else content)
    staged.rename(path)
    return path
