"""The errors a user sees: what is wrong, and the next step."""

from __future__ import annotations

import re

# Errors whose text quotes the query or a path, never a value of a row.
_TELLING = re.compile(r"((?:Binder|Catalog|Parser|IO|HTTP|Out of Memory) Error: [^\n]*)")
# Spark's name of an error: of a list of its own.
_SPARK = re.compile(r"\w+Exception: \[([A-Z][A-Z_]+(?:\.[A-Z_]+)?)\]")
# Errors of dbt that are found before any row is read: they speak of code and types.
_OF_CODE = re.compile(r"^\s*(?:Compilation|Parsing|Dependency) Error\b")


class GatehouseError(Exception):
    """Something the user can act on.

    Attributes:
        message: what is wrong, naming the file, table or setting.
        next_step: one thing to do about it, as a command where there is one.
    """

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message if not next_step else f"{message} Next: {next_step}")
        self.message = message
        self.next_step = next_step


class CouldNotCheckError(GatehouseError):
    """A check could not be carried out. Says nothing about the data."""


class LakeBusyError(GatehouseError):
    """Another writer kept the lake for as long as this one was willing to wait."""


def telling(message: str) -> str:
    """What of an engine's error cannot hold data: the query's fault or the path, or its kind.

    Logs and the store hold neither content nor identifiers, and a failed cast quotes both.
    """
    if _OF_CODE.search(message):
        return message.strip()[:2000]
    found = _TELLING.search(message)
    if found:
        return found.group(1)[:300]
    spark = _SPARK.search(message)
    if spark:
        return f"Spark: {spark.group(1)} (its text may quote data and is left out)"
    kind = re.search(r"\b(\w+ Error|\w+Exception)\b", message)
    return f"{kind.group(1) if kind else 'error'} (its text may quote data and is left out)"
