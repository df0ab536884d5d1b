"""Path patterns of mappings: ``*`` within a folder, ``**`` over any depth, ``{a,b}``, ``?``."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=1024)
def glob_pattern(glob: str) -> re.Pattern[str]:
    """A path pattern as a regular expression over a whole relative path."""
    parts = []
    position = 0
    while position < len(glob):
        text, position = _token(glob, position)
        parts.append(text)
    return re.compile("".join(parts) + r"\Z", re.DOTALL)


def _token(glob: str, start: int) -> tuple[str, int]:
    if glob.startswith("**/", start):
        return "(?:[^/]+/)*", start + 3
    if glob.startswith("**", start):
        return ".*", start + 2
    character = glob[start]
    if character == "{" and "}" in glob[start:]:
        end = glob.index("}", start)
        choices = (glob_pattern(part).pattern[:-2] for part in glob[start + 1 : end].split(","))
        return f"(?:{'|'.join(choices)})", end + 1
    simple = {"*": "[^/]*", "?": "[^/]"}
    return simple.get(character, re.escape(character)), start + 1
