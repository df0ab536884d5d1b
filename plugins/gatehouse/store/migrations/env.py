"""Alembic runs this; the connection comes from `gatehouse.store.schema`, in one transaction."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from gatehouse.store.models import Base, UtcDateTime
from gatehouse.store.schema import VERSION_TABLE


def _render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Revisions stand by themselves: they name no type of the code, which may change."""
    return "sa.DateTime(timezone=True)" if isinstance(item, UtcDateTime) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    # SQLite alters a table by copying it; its DDL is transactional as the store opens it.
    render_as_batch=True,
    transactional_ddl=True,
    compare_type=True,
    render_item=_render_item,
)
with context.begin_transaction():
    context.run_migrations()
