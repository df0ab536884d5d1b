"""Fixtures that several rooms share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from gatehouse.settings import Settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from _servers import NotHereError, PostgresServer, S3Server, postgres, s3

PROJECT = Path(__file__).resolve().parents[1]

_Server = TypeVar("_Server", PostgresServer, S3Server)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: a file's tests run one after another, in one of the processes."""
    items.sort(key=lambda item: "tests/spark/test_parity" not in item.nodeid)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of its own, embedded: SQLite catalog and store."""
    return Settings(project=PROJECT, home=tmp_path / "home", memory_limit="2GB")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL that only this test session uses."""
    with _or_skip(postgres("s3cret-pa55-word")) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3-compatible server that only this test session uses."""
    with _or_skip(s3("access-key", "s3cret-acc355-key")) as server:
        yield server


@contextmanager
def _or_skip(server: AbstractContextManager[_Server]) -> Iterator[_Server]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server)
        except NotHereError as reason:
            pytest.skip(str(reason))
        yield started


@pytest.fixture
def postgres_settings(
    postgres_server: PostgresServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Settings:
    """A home whose catalog and store are databases of a real PostgreSQL."""
    name = _own_name(request)
    for suffix in ("catalog", "store"):
        postgres_server.new_database(f"{name}_{suffix}")
    return Settings(
        project=PROJECT,
        home=tmp_path / "home",
        memory_limit="2GB",
        catalog=postgres_server.catalog(f"{name}_catalog"),
        store_url=postgres_server.store_url(f"{name}_store"),
    )


_SERVERS = [pytest.param(name, marks=pytest.mark.postgres) for name in ("postgres", "s3")]


@pytest.fixture(params=["sqlite", *_SERVERS])
def any_settings(request: pytest.FixtureRequest) -> Settings:
    """Embedded, with PostgreSQL, and with its files in S3 besides, one after the other."""
    name = "settings" if request.param == "sqlite" else f"{request.param}_settings"
    value = request.getfixturevalue(name)
    assert isinstance(value, Settings)
    return value


@pytest.fixture
def s3_settings(
    postgres_settings: Settings,
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Settings:
    """As `postgres_settings`, with the lake's files in a bucket of a real S3-compatible server."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    prefix = _own_name(request)
    return postgres_settings.model_copy(update={"data_path": f"s3://lake/{prefix}"})


def _own_name(request: pytest.FixtureRequest) -> str:
    """A name for what a test has on a server that others use, too."""
    return f"t{abs(hash(request.node.nodeid)) % 10**12}"
