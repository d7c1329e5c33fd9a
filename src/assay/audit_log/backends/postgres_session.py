"""Connections to a log in PostgreSQL: where it is, how a session is set, what refusals are called.

The URL is libpq's (`postgresql://user@host/database?sslmode=verify-full`) with one option of ours,
`schema`, the schema that the log lives in (`assay_log` if it is left out): one log in each. Everything
else in it, and the usual `PG...` variables, are libpq's.

Every session says itself what durability and waiting it wants, whatever the server's or the role's
defaults are: `synchronous_commit` never below `on`, limits on waiting for a lock and on sitting idle
in a transaction, the log's schema as the only search path. A server with `fsync = off` is refused.

No message holds the password, a row or a value: only the SQLSTATE of what the server refused.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from assay.audit_log.backends._postgres_errors import driver_library, named_errors
from assay.errors import LogError, LogUnreachable, SettingsError

if TYPE_CHECKING:
    from psycopg import Connection

SCHEMA_NAME = "assay_log"
VERSION_MIN = 130_000
"""PostgreSQL 13, as the server writes its version."""

_SCHEMA = re.compile("[a-z_][a-z0-9_]{0,62}")
_URL = re.compile(r"(postgresql|postgres)(\+psycopg)?://")
_STREAM_ROWS = 1_000
_ABANDONED: list[object] = []
"""Connections of a parent process: to close one here would end it there."""

Row = tuple[Any, ...]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds."""

    connect_seconds: int = 10
    lock_seconds: float = 30.0
    """A writer waits this long for another one's batch. More than `idle_seconds`, so that a writer
    that was stopped is thrown out before the others give up."""
    idle_seconds: float = 10.0
    """The server ends a session that sits in a transaction this long without sending anything."""


PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a log is. Its name is for messages and has no password in it."""

    name: str
    schema: str
    conninfo: str = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("where a log is may hold a password, and is not pickled")


def place_of(url: str) -> Place:
    """Where a log with this URL is.

    Raises:
        MissingExtra: psycopg is not installed.
        SettingsError: it is no URL of PostgreSQL, or the schema's name is not a plain one.
    """
    driver = driver_library()
    base, _, query = _URL.sub("postgresql://", url, count=1).partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    schema = dict(options).get("schema", SCHEMA_NAME)
    rest = urlencode([pair for pair in options if pair[0] != "schema"], quote_via=quote)
    try:
        if not _URL.match(url):
            raise ValueError("another scheme")
        parts = driver.conninfo.conninfo_to_dict(f"{base}?{rest}" if rest else base)
    except (ValueError, driver.Error) as error:
        raise SettingsError(
            "The URL of the log is not one of PostgreSQL.",
            next_step="Write it as postgresql://user@host/database?sslmode=verify-full.",
        ) from error
    if not _SCHEMA.fullmatch(schema):
        raise SettingsError(
            "The schema in the URL of the log is not a plain name.",
            next_step="Use lower-case letters, digits and underscores, at most 63.",
        )
    defaults = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
    conninfo = driver.conninfo.make_conninfo(**{**defaults, **parts})
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    name = f"{host}/{parts.get('dbname') or ''}, schema {schema}"
    return Place(name, schema, conninfo)


class Statements:
    """What can be done within a transaction."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._streams = 0

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a statement."""
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(sql, values or None).fetchall()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """How many rows a statement changed."""
        with self._connection.cursor() as cursor:
            return cursor.execute(sql, values or None).rowcount

    def copy(self, table: str, types: Sequence[str], rows: Sequence[Row]) -> None:
        """Add rows to the columns of a table, `table (column, ...)`, in the server's binary form."""
        if not rows:
            return
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def attempt(self, sql: str, values: Sequence[Any] = ()) -> None:
        """A statement whose failure leaves the transaction as it was.

        Raises:
            LogDamaged: the server found the data damaged.
        """
        with named_errors(self._connection, self._name), self._connection.transaction():
            self.execute(sql, values)

    def stream(self, sql: str) -> Iterator[Row]:
        """The rows of a statement, a thousand at a time."""
        self._streams += 1
        name = f"assay_{self._streams}"
        with self._connection.cursor(name, binary=True) as cursor:
            cursor.itersize = _STREAM_ROWS
            yield from cursor.execute(sql)


class Session:
    """One connection: made when it is needed, and again after it was lost or the process forked."""

    def __init__(self, place: Place, patience: Patience, *, read_only: bool) -> None:
        self._place = place
        self._patience = patience
        self._read_only = read_only
        self._connection: Connection | None = None
        self._process = os.getpid()
        self._making = threading.Lock()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of one statement by itself; tried twice where the connection was lost.

        Raises:
            LogUnreachable, LogBusy, LogDamaged, LogError
        """
        return self.twice(lambda: self._rows(sql, values))

    def twice(self, work: Callable[[], _T]) -> _T:
        """What `work` returns, after a second try on a new connection if the first one was lost."""
        try:
            return work()
        except LogUnreachable:
            self.close()
            return work()

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Statements]:
        """One transaction: durable when the block has ended, gone when it raises.

        With `snapshot`, all that is read in it is from one instant.

        Raises:
            LogUnreachable: the connection was lost. Whether it was committed is not known.
            DiskFull, LogBusy, LogDamaged, LogError: nothing of it was written.
        """
        connection = self._connected()
        with named_errors(connection, self._place.name):
            level = driver_library().IsolationLevel
            wanted = level.REPEATABLE_READ if snapshot else level.READ_COMMITTED
            if connection.isolation_level != wanted:
                connection.isolation_level = wanted
            with connection.transaction():
                yield Statements(connection, self._place.name)

    def close(self) -> None:
        """Release the connection; the next call makes another one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._process == os.getpid():
            connection.close()
        else:
            _ABANDONED.append(connection)

    def _rows(self, sql: str, values: Sequence[Any]) -> list[Row]:
        connection = self._connected()
        with named_errors(connection, self._place.name):
            return Statements(connection, self._place.name).rows(sql, values)

    def _connected(self) -> Connection:
        with self._making:
            if self._process != os.getpid():
                self.close()
                self._process = os.getpid()
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            return self._connection

    def _connect(self) -> Connection:
        driver = driver_library()
        try:
            connection: Connection = driver.connect(
                self._place.conninfo,
                autocommit=True,
                connect_timeout=self._patience.connect_seconds,
                client_encoding="utf8",
                application_name="assay log",
            )
        except driver.Error as error:
            raise LogUnreachable(
                f"The log {self._place.name} cannot be reached.",
                next_step="Check that the server runs, and host, user and password of its URL.",
            ) from error
        try:
            with named_errors(connection, self._place.name):
                self._set(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set(self, connection: Connection) -> None:
        """Say what this session wants, and refuse a server that cannot give it."""
        place, patience = self._place, self._patience
        wanted = {
            "search_path": f'"{place.schema}", pg_temp',
            "lock_timeout": f"{int(patience.lock_seconds * 1000)}ms",
            "idle_in_transaction_session_timeout": f"{int(patience.idle_seconds * 1000)}ms",
            "default_transaction_read_only": "on" if self._read_only else "off",
        }
        asked = ("fsync", "server_encoding", "synchronous_commit")
        with connection.cursor() as cursor:
            for name, value in wanted.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
            cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in asked))
            fsync, encoding, commit = cursor.fetchone() or ("", "", "")
            if commit != "remote_apply":
                cursor.execute("SET synchronous_commit = on")
        if connection.info.server_version < VERSION_MIN:
            raise LogError(
                f"The server of the log {place.name} is older than PostgreSQL 13.",
                next_step="Use a newer server.",
            )
        if fsync != "on":
            raise LogError(
                f"The server of the log {place.name} runs with fsync = off: what it acknowledged"
                " could be lost.",
                next_step="Set fsync = on in postgresql.conf, or use another server.",
            )
        if encoding != "UTF8":
            raise LogError(
                f"The database of the log {place.name} does not hold UTF-8.",
                next_step="Create it with ENCODING 'UTF8'.",
            )
