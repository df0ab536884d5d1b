"""The errors a user sees: what is wrong, and the next step."""

from __future__ import annotations


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
