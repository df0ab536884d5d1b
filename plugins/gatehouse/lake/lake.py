"""One interface to DuckLake. Everything that differs by engine or catalog ends here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from gatehouse.errors import GatehouseError
from gatehouse.lake import iceberg
from gatehouse.lake.catalog import Catalog
from gatehouse.lake.extensions import EXTENSIONS, connect, extension_directory
from gatehouse.lake.place import writers_place
from gatehouse.lake.sql import identifier, literal
from gatehouse.lake.storage import Storage
from gatehouse.settings import Settings

LAKE = "lake"
CERTIFIED_SCHEMA = "core"
# The name of the lake where `LAKE` is made of views on it.
_UNDER = "_lake"
# Of a catalog in a file: longer than anybody holds it alone.
_CATALOG_WAIT_MS = 60_000
# `raw` is the restricted schema: content and direct identifiers live there and nowhere else.
SCHEMAS = ("raw", "staging", "intermediate", "core", "detections", "measurement")


@dataclass(frozen=True)
class LeftOut:
    """Rows that a reader is not shown: those with one of the values in a column of text."""

    column: str
    values: tuple[str, ...]


class Lake:
    """The lake of one home.

    In every connection the lake is attached under the name ``lake``; what it shows there is
    the current state (`writer`), one snapshot (`pinned`), or given versions of given tables
    (`reader`). So the same SQL runs in all three.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._catalog = Catalog.parse(settings.catalog)
        self._storage = Storage.of(settings)

    # -- connections ------------------------------------------------------------------

    @contextmanager
    def writer(self, purpose: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-write connection, alone: a second writer waits for the first.

        Args:
            purpose: what the lock is held for; shown to whoever waits too long.
        """
        with self.lock(purpose):
            connection = self._open()
            try:
                self._attach(connection, LAKE)
                known = self._known(connection, LAKE)
                for schema in SCHEMAS:
                    if schema not in known:
                        connection.execute(f"create schema if not exists {LAKE}.{schema}")
                connection.execute(f"use {LAKE}.{CERTIFIED_SCHEMA}")
                iceberg.check_engine(self._settings.engine, known)
                yield connection
            finally:
                connection.close()

    def pinned(self, snapshot_id: int) -> duckdb.DuckDBPyConnection:
        """A read-only connection that sees the whole lake as of one snapshot."""
        connection = self._open()
        for statement in self.pinned_statements(snapshot_id):
            self._execute(connection, statement)
        try:
            attached = _UNDER if self._has_iceberg else LAKE
            iceberg.check_engine(self._settings.engine, self._known(connection, attached))
        except BaseException:
            connection.close()
            raise
        return connection

    def pinned_statements(self, snapshot_id: int) -> list[str]:
        """The SQL that makes a DuckDB session one that `pinned` gives, if it can reach the files.

        Raises:
            GatehouseError: there is no lake.
        """
        self._require()
        use = f"use {LAKE}.{CERTIFIED_SCHEMA}"
        if not self._has_iceberg:
            return [self._attach_statement(LAKE, snapshot_id=snapshot_id), use]
        attach = self._attach_statement(_UNDER, snapshot_id=snapshot_id)
        connection = self._open()
        self._execute(connection, attach)
        try:
            views = iceberg.views(connection, self._settings.warehouse, _UNDER, SCHEMAS)
        finally:
            connection.close()
        return [attach, *views, use]

    def current(self) -> duckdb.DuckDBPyConnection:
        """A read-only connection to the current state: for the pipeline itself, never consumers.

        Of tables that Spark builds, only `pinned` and `reader` show any.
        """
        connection = self._open()
        self._attach(connection, LAKE, read_only=True)
        return connection

    def reader(
        self, versions: Mapping[str, int], left_out: Mapping[str, LeftOut] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """A read-only connection that shows only the given core tables, each at its version.

        Args:
            versions: snapshot id by table name, as certified.
            left_out: rows that are not shown, by table name.
        """
        connection = self._open()
        for statement in self.reader_statements(versions, left_out=left_out):
            self._execute(connection, statement)
        return connection

    def reader_statements(
        self,
        versions: Mapping[str, int],
        expires_at: Mapping[str, datetime] | None = None,
        left_out: Mapping[str, LeftOut] | None = None,
    ) -> list[str]:
        """The SQL that makes any DuckDB session a certified reader (also given to BI tools).

        With ``expires_at``, a view raises when it is read after its table's certificate; with
        ``left_out``, it does not show those rows.

        Each version is attached by itself: views with ``at (version => n)`` cannot be rendered
        back to SQL by DuckDB 1.5, which breaks tools that list views.
        """
        statements = []
        if self._has_iceberg:
            sources = self._iceberg_sources(versions)
        else:
            statements = [
                self._attach_statement(_pin_name(snapshot), snapshot_id=snapshot)
                for snapshot in sorted(set(versions.values()))
            ]
            sources = {
                table: f"{_pin_name(snapshot)}.{CERTIFIED_SCHEMA}.{identifier(table)}"
                for table, snapshot in versions.items()
            }
        statements += [
            f"attach ':memory:' as {LAKE}",
            f"create schema {LAKE}.{CERTIFIED_SCHEMA}",
        ]
        statements += [
            f"create view {LAKE}.{CERTIFIED_SCHEMA}.{identifier(table)} as select * "
            f"from {source}"
            + _where(table, (expires_at or {}).get(table), (left_out or {}).get(table))
            for table, source in sorted(sources.items())
        ]
        statements.append(f"use {LAKE}.{CERTIFIED_SCHEMA}")
        return statements

    def attach_script(
        self, versions: Mapping[str, int], expires_at: Mapping[str, datetime]
    ) -> list[str]:
        """The SQL that makes a DuckDB session outside this package a certified reader.

        The file may lie about for long: its views refuse to answer once a certificate ran out.

        Holds no password and no key: PostgreSQL's own means (``PGPASSWORD``, ``~/.pgpass``) and
        AWS's (see `Storage`) give them.
        """
        folder = extension_directory(self._settings.home)
        return [
            f"set extension_directory = {literal(str(folder))}",
            "load ducklake",
            f"load {self._catalog.extension}",
            *(f"load {name}" for name in iceberg.EXTENSIONS if self._has_iceberg),
            *self._storage.session_statements(),
            *self.reader_statements(versions, expires_at),
        ]

    # -- state ------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether a first write has made the catalog."""
        return self._catalog.kind != "sqlite" or Path(self._catalog.where).exists()

    def current_snapshot(self) -> int:
        """Id of the newest snapshot.

        Raises:
            GatehouseError: nothing has been written yet.
        """
        self._require()
        connection = self.current()
        try:
            return snapshot_of(connection)
        finally:
            connection.close()

    @contextmanager
    def lock(self, purpose: str) -> Iterator[None]:
        """Hold the one writer's place, for writers that open their own connection (dbt).

        A thread that holds it may take it again; a process that dies gives it up at once.

        Raises:
            LakeBusyError: another writer kept it longer than ``lock_timeout_seconds``.
        """
        with writers_place(self._settings, self._catalog, purpose):
            yield

    # -- internals --------------------------------------------------------------------

    def _require(self) -> None:
        if not self.exists():
            raise GatehouseError(
                f"There is no lake in {self._settings.home} yet.",
                next_step="load something first: make run, or gatehouse ingest",
            )

    def is_as_it_was(
        self, connection: duckdb.DuckDBPyConnection, schema: str, table: str, since: int
    ) -> bool:
        """Whether a table is the one that it was at a snapshot, with the same columns.

        One that was replaced, renamed or altered since has rows of which no write tells.

        Args:
            connection: that sees the lake, at that snapshot or a later one.
            schema: of the table.
            table: its name.
            since: the snapshot.
        """
        own = f"{identifier(f'__ducklake_metadata_{LAKE}')}.{identifier(self.catalog_schema)}"
        now = snapshot_of(connection)
        row = connection.execute(
            f"select count(*) from {own}.ducklake_table as tables "
            f"inner join {own}.ducklake_schema as schemas on schemas.schema_id = tables.schema_id "
            "where schemas.schema_name = $1 and tables.table_name = $2 "
            "and schemas.begin_snapshot <= $3 and coalesce(schemas.end_snapshot, $4 + 1) > $4 "
            "and tables.begin_snapshot <= $3 and coalesce(tables.end_snapshot, $4 + 1) > $4 "
            f"and not exists (select 1 from {own}.ducklake_column as columns "
            "where columns.table_id = tables.table_id "
            "and (columns.begin_snapshot between $3 + 1 and $4 "
            "or columns.end_snapshot between $3 + 1 and $4))",
            [schema, table, since, now],
        ).fetchone()
        return row is not None and bool(row[0])

    @property
    def tells_changes(self) -> bool:
        """Whether core tables tell what changed between two snapshots: DuckLake's do."""
        return not self._has_iceberg

    @property
    def _has_iceberg(self) -> bool:
        return self._settings.engine == "spark"

    def _iceberg_sources(self, versions: Mapping[str, int]) -> dict[str, str]:
        """Where each version is read from.

        Raises:
            GatehouseError: a snapshot has no such table.
        """
        with self.current() as connection:
            known = {
                snapshot: iceberg.read_versions(connection, at=snapshot)
                for snapshot in sorted(set(versions.values()))
            }
        missing = sorted(name for name, each in versions.items() if name not in known[each])
        if missing:
            raise GatehouseError(
                f"{', '.join(missing)}: that version was not built by Spark.",
                next_step="gatehouse build, then gatehouse gate",
            )
        return {
            table: iceberg.scan(self._settings.warehouse, table, known[snapshot][table])
            for table, snapshot in versions.items()
        }

    def _known(self, connection: duckdb.DuckDBPyConnection, attached: str) -> dict[str, list[str]]:
        """The lake's schemas and their tables by now, whatever snapshot is attached.

        From the catalog's own tables: DuckDB's list of tables would count the rows of each.
        """
        own = f"{identifier(f'__ducklake_metadata_{attached}')}.{identifier(self.catalog_schema)}"
        rows = connection.execute(
            "select schema_name, list(table_name) filter (where table_name is not null) "
            f"from {own}.ducklake_schema as schemas left join {own}.ducklake_table as tables "
            "on tables.schema_id = schemas.schema_id and tables.end_snapshot is null "
            "where schemas.end_snapshot is null group by schema_name"
        ).fetchall()
        return {schema: tables or [] for schema, tables in rows}

    def _open(self) -> duckdb.DuckDBPyConnection:
        settings = self._settings
        # Only what this catalog needs: the first time each costs a tenth of a second.
        catalog = "postgres" if settings.catalog.startswith("postgres:") else "sqlite"
        names = [
            name
            for name in EXTENSIONS
            if name == "ducklake"
            or name.startswith(catalog)
            or name in self._storage.extensions
            or (self._has_iceberg and name in iceberg.EXTENSIONS)
        ]
        config = {
            "memory_limit": settings.memory_limit,
            "threads": str(settings.threads),
            "temp_directory": str(settings.home / "spill"),
        }
        connection = connect(settings.home, names, config)
        # Not in the config above: it is read before the built-in ICU is there.
        connection.execute("set TimeZone = 'UTC'")
        for statement in self._catalog.secret_statements():
            connection.execute(statement)
        self._storage.prepare(connection)
        return connection

    def attach_options(self, *, snapshot_id: int | None = None, read_only: bool = False) -> str:
        """The options of an ``attach`` of this lake, as SQL."""
        # Inlining keeps small commits in the catalog instead of in thousands of tiny files.
        options = [f"data_path {literal(self._storage.root)}"]
        options.append(f"metadata_schema {literal(self.catalog_schema)}")
        if self._catalog.kind == "sqlite":
            options.append(f"meta_busy_timeout {_CATALOG_WAIT_MS}")
            if not read_only and snapshot_id is None:
                # Else whoever reads for long keeps writers out, whose commit then fails. The
                # file remembers it, for all who open it.
                options.append("meta_journal_mode 'WAL'")
        if snapshot_id is not None:
            options.append(f"snapshot_version {int(snapshot_id)}")
        if read_only or snapshot_id is not None:
            options.append("read_only")
        return ", ".join(options)

    @property
    def uri(self) -> str:
        """The ``ducklake:`` address that DuckDB attaches; holds no password."""
        return self._catalog.uri

    @property
    def catalog_schema(self) -> str:
        """The schema of the catalog's own tables."""
        return self._catalog.schema(self._settings)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a process that attaches `uri` by itself, e.g. dbt: the password."""
        return self._catalog.environment

    def _attach_statement(
        self, name: str, *, snapshot_id: int | None = None, read_only: bool = False
    ) -> str:
        options = self.attach_options(snapshot_id=snapshot_id, read_only=read_only)
        return f"attach {literal(self.uri)} as {identifier(name)} ({options})"

    def _attach(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        *,
        snapshot_id: int | None = None,
        read_only: bool = False,
    ) -> None:
        if read_only or snapshot_id is not None:
            self._require()
        else:
            if self._catalog.kind == "sqlite":
                Path(self._catalog.where).parent.mkdir(parents=True, exist_ok=True)
            self._storage.make()
        self._execute(
            connection, self._attach_statement(name, snapshot_id=snapshot_id, read_only=read_only)
        )

    def _execute(self, connection: duckdb.DuckDBPyConnection, statement: str) -> None:
        """Run a statement that opens the lake; close the connection if it cannot."""
        try:
            connection.execute(statement)
        except duckdb.Error as error:
            connection.close()
            # Not chained: the cause quotes the statement.
            raise GatehouseError(
                f"The lake cannot be opened: {self._catalog.clean(str(error))}",
                next_step="check GATEHOUSE_CATALOG, its server, and GATEHOUSE_DATA_PATH.",
            ) from None


def snapshot_of(connection: duckdb.DuckDBPyConnection) -> int:
    """Id of the newest snapshot that ``connection`` sees."""
    row = connection.execute(f"select id from ducklake_current_snapshot('{LAKE}')").fetchone()
    if row is None:
        raise GatehouseError("The lake has no snapshot.", next_step="gatehouse ingest")
    return int(row[0])


def _pin_name(snapshot_id: int) -> str:
    return f"_at_{snapshot_id}"


def _where(table: str, expires_at: datetime | None, left_out: LeftOut | None) -> str:
    conditions = []
    if expires_at is not None:
        message = literal(f"the certificate of {table} expired at {expires_at:%Y-%m-%d %H:%M} UTC")
        conditions.append(
            f"case when now() < {literal(expires_at.isoformat())}::timestamptz "
            f"then true else error({message}) end"
        )
    if left_out is not None:
        values = ", ".join(literal(value) for value in left_out.values)
        column = identifier(left_out.column)
        conditions.append(f"({column} is null or {column} not in ({values}))")
    return f" where {' and '.join(conditions)}" if conditions else ""
