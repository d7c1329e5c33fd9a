"""A log in SQLite, and one on each PostgreSQL that is there; every contract test runs on all."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.audit_log.backends import servers
from tests.audit_log.backends.stored_logs import PostgresLog, SqliteLog, StoredLog

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server's database."""
    with servers.server("postgresql", tmp_path_factory.mktemp("pg")) as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same for the machine's own server."""
    with servers.server("postgresql-system", tmp_path_factory.mktemp("pg")) as url:
        yield url


def schema_on(server: str) -> Iterator[PostgresLog]:
    """A place for a log on this server, which is removed afterwards."""
    schema = f"log_{os.getpid()}_{next(_numbers)}"
    mark = "&" if "?" in server else "?"
    yield PostgresLog(f"{server}{mark}schema={schema}", server, schema)
    with psycopg.connect(server) as db:
        db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture
def pg_log(postgresql: str) -> Iterator[PostgresLog]:
    """A place in PostgreSQL where no log is yet."""
    yield from schema_on(postgresql)


@pytest.fixture(params=["sqlite", *servers.NAMES])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoredLog]:
    """A place where no log is yet."""
    if request.param == "sqlite":
        yield SqliteLog(tmp_path / "log")
        return
    server: str = request.getfixturevalue(request.param.replace("-", "_"))
    yield from schema_on(server)
