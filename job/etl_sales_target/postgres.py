"""The connection to PostgreSQL: one session, its errors by the job's names, COPY and VACUUM.

The only module that knows psycopg.
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import psycopg
import structlog
from psycopg.copy import LibpqWriter
from sqlalchemy import ClauseElement, CursorResult, Executable, Table, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from etl_sales_target import classification
from etl_sales_target.errors import ConfigurationError, JobError, NotAllowedError, TemporaryError
from etl_sales_target.model import Batch
from etl_sales_target.settings import Settings

log = structlog.get_logger()

# A dead network is noticed within about a minute, whatever the server was doing.
_KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

# What other sessions see of this one is cut at 63 bytes by PostgreSQL.
_NAME_BYTES = 63

_COLUMN_TYPES = text("""
    SELECT attname, format_type(atttypid, atttypmod)
      FROM pg_attribute
     WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped
""")

_HAS_PRIVILEGE = text("SELECT has_table_privilege(to_regclass(:table), :privilege)")

_SET_UP_TRANSACTION = text("""
    SELECT set_config('lock_timeout', :lock_timeout, true),
           set_config('statement_timeout', '0', true),
           set_config('idle_in_transaction_session_timeout', '0', true)
""")


class Postgres:
    """An open session. A context manager: leaving it closes, and rolls back what is not committed.

    Raises JobErrors alone: NotAllowedError, NotFoundError, TemporaryError, ConfigurationError.
    """

    def __init__(
        self, parameters: Mapping[str, str | int], settings: Settings, run_id: str
    ) -> None:
        self._lock_timeout = f"{settings.lock_timeout_seconds}s"
        self.bytes_sent = 0
        arguments = {
            "connect_timeout": settings.connect_timeout_seconds,
            **_KEEPALIVE,
            **parameters,
            "application_name": session_name(run_id),
        }
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: _connect(arguments), poolclass=NullPool
        )
        with _errors("connect to the target"):
            self._connection = engine.connect()
        self._dialect = engine.dialect
        self._preparer = engine.dialect.identifier_preparer
        self._driver: psycopg.Connection[Any] = self._connection.connection.driver_connection  # type: ignore[assignment]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        # No ROLLBACK is sent: the server rolls back when the connection ends, even if it is stuck.
        with contextlib.suppress(Exception):
            self._connection.invalidate()
            self._connection.close()

    @property
    def server_version(self) -> str:
        """Such as 16.4."""
        return str(self._driver.info.parameter_status("server_version")).split(" ", maxsplit=1)[0]

    def begin(self) -> None:
        """Begins a transaction with our own lock timeout, and no timeout that a load could trip."""
        self.execute(_SET_UP_TRANSACTION, lock_timeout=self._lock_timeout)

    def begin_snapshot(self, *, read_only: bool) -> None:
        """Begins a transaction whose statements all see one moment."""
        access = "READ ONLY" if read_only else "READ WRITE"
        self.execute(text(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, {access}"))
        self.begin()

    def execute(
        self, statement: Executable, rows: list[dict[str, Any]] | None = None, **parameters: object
    ) -> CursorResult[Any]:
        """One statement, with parameters or, for many rows at once, with `rows`."""
        log.debug("target_statement", sql=str(statement))
        with _errors("use the target"):
            result: CursorResult[Any] = self._connection.execute(statement, rows or parameters)
            return result

    def sql_of(self, element: ClauseElement) -> str:
        """The element as SQL text."""
        return str(element.compile(dialect=self._dialect))

    def name_of(self, table: Table) -> str:
        """The table's name as SQL text, quoted where it must be."""
        return self._preparer.format_table(table)

    def column_types(self, table: Table) -> dict[str, str]:
        """The table's columns with their SQL types; empty where there is no such table."""
        found = self.execute(_COLUMN_TYPES, table=self.name_of(table))
        return {row.attname: row.format_type for row in found}

    def require(self, table: Table, *privileges: str) -> None:
        """Raises NotAllowedError unless this user has all of these privileges on the table."""
        name = self.name_of(table)
        missing = [
            privilege
            for privilege in privileges
            if not self.execute(_HAS_PRIVILEGE, table=name, privilege=privilege).scalar()
        ]
        if missing:
            raise NotAllowedError(
                f"The user of the target may not {', '.join(missing)} on {table}.",
                code="42501",
                remedy=f"GRANT {', '.join(missing)} ON {name} TO its user.",
            )

    def copy(self, table: Table, batches: Iterable[Batch], on_batch: Callable[[int], None]) -> int:
        """Appends the batches with one COPY; returns the rows sent.

        `on_batch` is told the rows of each batch once it is sent. An error that the batches'
        iterator raises comes out as itself, and the server discards what it was sent.
        """
        rows = 0
        columns = ", ".join(map(self._preparer.format_column, table.columns))
        statement = f"COPY {self.name_of(table)} ({columns}) FROM STDIN"
        with _errors(f"copy rows to {table}"), self._driver.cursor() as cursor:
            writer = _CountingWriter(cursor)
            with cursor.copy(statement.encode(), writer=writer) as copy:
                for batch in batches:
                    # deque drains the map at C speed
                    deque(map(copy.write_row, batch), maxlen=0)
                    rows += len(batch)
                    on_batch(len(batch))
            self.bytes_sent += writer.bytes_written
        return rows

    def commit(self) -> None:
        """Makes the transaction's changes visible, all of them at one moment."""
        with _errors("commit"):
            self._connection.commit()

    def rollback(self) -> None:
        """Forgets the transaction's changes."""
        with _errors("roll back"):
            self._connection.rollback()

    def vacuum(self, table: Table) -> None:
        """Returns the room of the deleted rows and refreshes the planner's statistics.

        TRUNCATE false: shortening the file would take a lock that readers feel.
        """
        with _errors(f"vacuum {table}"):
            self._driver.autocommit = True
            statement = f"VACUUM (ANALYZE, TRUNCATE false) {self.name_of(table)}"
            self._driver.execute(statement.encode())


class _CountingWriter(LibpqWriter):
    """psycopg's own writer, which also counts what it sends."""

    bytes_written = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.bytes_written += len(data)
        super().write(data)


def session_name(run_id: str) -> str:
    """The session's application_name: what a DBA sees in pg_stat_activity."""
    return f"etl-sales-target {run_id} on {os.uname().nodename}"[:_NAME_BYTES]


def _connect(arguments: Mapping[str, str | int]) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(**arguments)  # type: ignore[arg-type]
    except psycopg.ProgrammingError as error:
        # An option that libpq does not know, or a value that it cannot use.
        raise ConfigurationError(
            f"The connection to PostgreSQL cannot be used: {' '.join(str(error).split())}.",
            remedy="Its extras are libpq's connection parameters.",
        ) from error


@contextlib.contextmanager
def _errors(doing: str) -> Iterator[None]:
    """Gives the driver's errors the job's names; `doing` completes "could not ..."."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error):
            raise
        raise _named(error.orig, doing) from error.orig
    except psycopg.Error as error:
        raise _named(error, doing) from error


def _named(error: psycopg.Error, doing: str) -> JobError:
    said = " ".join(str(error).split()).removesuffix(".")
    code = error.sqlstate or classification.sqlstate_of_connection_failure(said)
    kind = classification.postgres(code)
    if "certificate" in said.lower() or "SSL" in said:
        kind = classification.TLS
    message = f"PostgreSQL: could not {doing}: {said}."
    if kind is None:
        temporary = isinstance(error, psycopg.OperationalError)
        return (TemporaryError if temporary else JobError)(message, code=code)
    return kind.error(message, code=code, remedy=kind.remedy)
