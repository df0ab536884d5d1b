"""The catalog's address, and its password kept apart from everything that is shown or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gatehouse.errors import GatehouseError
from gatehouse.lake.sql import literal

if TYPE_CHECKING:
    from psycopg import Connection

    from gatehouse.settings import Settings


@dataclass(frozen=True)
class Catalog:
    """Where the lake's catalog is.

    Attributes:
        kind: ``sqlite`` or ``postgres``.
        where: path, or connection string without password.
    """

    kind: str
    where: str
    _password: str = ""

    @classmethod
    def parse(cls, setting: str) -> Catalog:
        """Read the setting ``catalog``.

        Raises:
            GatehouseError: it names no catalog that DuckLake knows, or is no connection string.
        """
        kind, _, where = setting.partition(":")
        if kind in ("postgresql", "postgres") and where.startswith("//"):
            kind, where = "postgres", setting
        if kind == "sqlite" and where:
            return cls(kind, where)
        if kind != "postgres":
            raise GatehouseError(
                "The lake's catalog is neither sqlite:PATH nor postgres:CONNECTION STRING.",
                next_step="mend GATEHOUSE_CATALOG.",
            )
        return cls(kind, *_without_password(where))

    def __repr__(self) -> str:
        """Without the password."""
        return f"Catalog({self.kind}:{self.where})"

    @property
    def uri(self) -> str:
        """The ``ducklake:`` address that DuckDB attaches; holds no password."""
        return f"ducklake:{self.kind}:{self.where}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs that attaches `uri` by itself: dbt, a BI tool."""
        return {"PGPASSWORD": self._password} if self._password else {}

    @property
    def extension(self) -> str:
        """The DuckDB extension that reaches the catalog."""
        return "sqlite_scanner" if self.kind == "sqlite" else "postgres_scanner"

    def schema(self, settings: Settings) -> str:
        """The schema of the catalog's own tables."""
        return settings.catalog_schema or ("main" if self.kind == "sqlite" else "public")

    def connect(self, *, application_name: str) -> Connection[Any]:
        """A connection of its own to a catalog in PostgreSQL, each statement committed.

        Raises:
            GatehouseError: the server does not answer or refuses.
        """
        import psycopg

        try:
            return psycopg.connect(
                self.where,
                password=self._password or None,
                application_name=application_name[:63],
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            raise GatehouseError(
                f"The lake's catalog does not answer: {self.clean(str(error).strip())}",
                next_step="check GATEHOUSE_CATALOG and that the database accepts connections.",
            ) from None

    def secret_statements(self) -> list[str]:
        """SQL that gives this session the password; DuckDB redacts it wherever it shows secrets."""
        if not self._password:
            return []
        return [f"create or replace secret (type postgres, password {literal(self._password)})"]

    def clean(self, text: str) -> str:
        """``text`` without the password, whatever put it there."""
        return text.replace(self._password, "***") if self._password else text


def _without_password(where: str) -> tuple[str, str]:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        parts = conninfo_to_dict(where)
        password = str(parts.pop("password", "") or "")
        return make_conninfo("", **parts), password
    except ProgrammingError:
        # Its message quotes the string, password and all.
        raise GatehouseError(
            "The lake's catalog is no PostgreSQL connection string.",
            next_step="GATEHOUSE_CATALOG='postgres:dbname=... host=... user=...'",
        ) from None
