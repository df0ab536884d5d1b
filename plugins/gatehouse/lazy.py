"""Names of a package that are imported when they are first used.

A room's package is imported for its smallest part (DAG files and ``gatehouse --help`` import
every room), while its functions need engines that take seconds to import.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's ``__getattr__`` (PEP 562) that finds each name in the module it is kept in."""

    def find(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(places[name]), name)

    return find
