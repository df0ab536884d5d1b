"""Which products a failed certificate does not vouch for; it still does for the others.

Derived from certificates alone. A check that compares product by product names those that are
beyond its limit. Where every check that failed does, and the rows of a table are made from rows of
the same product only (``by_product`` in its suite), the failure is those products'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from gatehouse.errors import GatehouseError
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.suites import load_suite
from gatehouse.settings import Settings


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


def failed_products(
    result: str, held_by: Iterable[str], checks: Iterable[tuple[str, Mapping[str, Any]]]
) -> frozenset[str]:
    """The products without which a table may be read; none where it may not be at all.

    What could not be checked says nothing of any product, and a table that is held by another is
    not judged product by product. Where no product is left that was judged and is sound, the
    failure is the feed's: nobody looked at the others.

    Args:
        result: of the certificate.
        held_by: tables because of which it is held.
        checks: result and observation of its critical checks that nobody waived.
    """
    products: set[str] = set()
    sound: set[str] = set()
    if result != "failed" or [*held_by]:
        return frozenset()
    for outcome, observed in checks:
        if outcome in ("passed", "no_data"):
            continue
        named = observed.get("products")
        if outcome != "failed" or not isinstance(named, list) or not named:
            return frozenset()
        products |= {str(name) for name in named}
        sound |= {str(name) for name in observed.get("sound") or ()}
    return frozenset() if sound and sound <= products else frozenset(products)
