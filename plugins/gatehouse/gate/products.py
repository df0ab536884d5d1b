"""Which products a failed certificate does not vouch for; it still does for the others.

Derived from certificates alone. A check that compares product by product names those that are
beyond its limit. Where every check that failed does, and the rows of a table are made from rows of
the same product only (``by_product`` in its suite), the failure is those products'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from gatehouse.errors import GatehouseError
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.suites import load_suite
from gatehouse.settings import Settings


class Checked(Protocol):
    """A check of a certificate, in the store or as the gate has just made it."""

    severity: Any
    result: Any
    observed: Any
    waiver_id: Any


def product_columns(settings: Settings) -> dict[str, str]:
    """Column of the product, by table whose rows come from rows of the same product only.

    A table whose suite does not load is left out: it could not be checked, for any product.
    """
    columns = {}
    for table in core_tables(settings).values():
        with suppress(GatehouseError):
            suite = load_suite(settings.core_suites, table.table, table.columns)
            if suite.by_product:
                columns[table.table] = suite.by_product
    return columns


def failed_products(checks: Iterable[Checked]) -> frozenset[str] | None:
    """The products of which critical checks failed; None where it may be any.

    What could not be checked says nothing of any product; a check that was waived decides nothing.
    """
    products: set[str] = set()
    for check in checks:
        if check.severity != "critical" or check.waiver_id or check.result in ("passed", "no_data"):
            continue
        named = check.observed.get("products")
        if check.result != "failed" or not isinstance(named, list) or not named:
            return None
        products |= {str(name) for name in named}
    return frozenset(products)


def left_out(
    table: str,
    columns: Mapping[str, str],
    failed: Mapping[str, frozenset[str] | None],
    held_by: Iterable[str],
) -> frozenset[str] | None:
    """The products without which a table may be read; None if it may not be.

    Args:
        table: core table whose newest certificate failed.
        columns: as `product_columns` has them.
        failed: as `failed_products` finds them, by table.
        held_by: the tables because of which it is held.
    """
    products: set[str] = set()
    for name in (table, *held_by):
        own = failed.get(name)
        if own is None or name not in columns:
            return None
        products |= own
    return frozenset(products) or None
