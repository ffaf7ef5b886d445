"""A session of PostgreSQL: its settings, its transactions, COPY and VACUUM.

Only this package imports psycopg.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

import psycopg
import structlog
from psycopg.conninfo import make_conninfo
from psycopg.types.json import set_json_dumps
from sqlalchemy import (
    ClauseElement,
    Column,
    Connection,
    CursorResult,
    Dialect,
    Executable,
    Table,
    create_engine,
    event,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from etl_sales_target.core.copy_format import Batch, Encoder
from etl_sales_target.core.errors import ConfigurationError, NotAllowedError
from etl_sales_target.postgres.driver import BoundedConnection, CountingWriter
from etl_sales_target.postgres.errors import translated

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

# A run has one session at a time. Another of its name is one that an earlier attempt has lost
# without the server noticing; it would keep the lock, and the commit's outcome open. A role that is
# set for the user may not end the user's own sessions.
_END_LOST_SESSIONS = text("""
    SET LOCAL ROLE NONE;
    SELECT pg_terminate_backend(pid)
      FROM pg_stat_activity
     WHERE application_name = current_setting('application_name')
       AND usename = session_user AND pid <> pg_backend_pid()
""")

_COLUMN_TYPES = text("""
    SELECT attname, format_type(atttypid, atttypmod)
      FROM pg_attribute
     WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped
""")

_MAY_MAKE_TEMPORARY_TABLES = text("""
    SELECT has_database_privilege(current_database(), 'TEMPORARY') AS allowed,
           quote_ident(current_database()) AS database
""")

_HAS_PRIVILEGE = text("SELECT has_table_privilege(to_regclass(:table), :privilege)")

# Of every transaction, whatever the role, the database or the server has set, and since which
# version (as libpq writes it) the server knows it. LOCAL, because PgBouncer's transaction mode
# forgets anything else. No stranger's function or operator is called by a name of ours; no row is
# hidden from us; no timeout of the server's ends a load (`_begin` adds our lock_timeout); and the
# server, too, notices within about a minute that this client or the network is gone, and gives its
# lock back.
_SETTINGS = (
    ("search_path", "pg_catalog, pg_temp", 0),
    ("row_security", "off", 0),
    ("TimeZone", "'UTC'", 0),
    ("DateStyle", "'ISO'", 0),
    ("statement_timeout", "0", 0),
    ("idle_in_transaction_session_timeout", "0", 0),
    ("transaction_timeout", "0", 170_000),
    ("tcp_keepalives_idle", "30", 0),
    ("tcp_keepalives_interval", "10", 0),
    ("tcp_keepalives_count", "3", 0),
    ("tcp_user_timeout", "'60s'", 120_000),
    ("client_connection_check_interval", "'2s'", 140_000),
)

# What `stream` holds in memory.
_ROWS_AT_A_TIME = 1000

_LOAD = "READ COMMITTED"
_SNAPSHOT = "REPEATABLE READ"


class PostgresSession:
    """An open session. A context manager: leaving it closes, and rolls back what is not committed.

    Raises JobErrors alone: see `postgres.errors`.
    """

    def __init__(
        self,
        parameters: Mapping[str, str | int],
        *,
        run_id: str,
        connect_timeout_seconds: int,
        call_timeout_seconds: int,
        lock_timeout_seconds: int,
    ) -> None:
        self.bytes_sent = 0
        self._lock_timeout_seconds = lock_timeout_seconds
        self._isolation = _LOAD
        arguments = {
            "connect_timeout": connect_timeout_seconds,
            **_KEEPALIVE,
            **parameters,
            "client_encoding": "UTF8",
            "application_name": session_name(run_id),
        }
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: self._connect(arguments, call_timeout_seconds),
            poolclass=NullPool,
            # It would keep the periods that are the parameters of a statement.
            query_cache_size=0,
            use_native_hstore=False,
        )
        event.listen(engine, "begin", self._begin)
        with translated("connect to the target"):
            self._connection = engine.connect()
        self._dialect = engine.dialect
        self._preparer = engine.dialect.identifier_preparer
        self._driver: psycopg.Connection[Any] = self._connection.connection.driver_connection  # type: ignore[assignment]
        try:
            self.execute(_END_LOST_SESSIONS)
            self.rollback()
        except BaseException:
            self.close()
            raise

    def _connect(
        self, arguments: Mapping[str, str | int], call_timeout_seconds: int
    ) -> psycopg.Connection[Any]:
        try:
            # As one text, so that libpq judges each: psycopg's own arguments, such as autocommit,
            # are no business of a connection's extras.
            driver = BoundedConnection.connect(make_conninfo(**arguments))  # type: ignore[arg-type]
        except psycopg.ProgrammingError as error:
            # An option that libpq does not know, or a value that it cannot use.
            raise ConfigurationError(
                f"The connection to PostgreSQL cannot be used: {' '.join(str(error).split())}.",
                remedy="Its extras are libpq's connection parameters.",
            ) from error
        driver.call_timeout_seconds = call_timeout_seconds
        # Transactions are begun by `_begin`.
        driver.autocommit = True
        # A statement prepared in a server's session is not there in the next one of PgBouncer.
        driver.prepare_threshold = None
        set_json_dumps(_json, driver)
        # SQLAlchemy asks the server about itself, then rolls back.
        _begin(driver, self._isolation, self._lock_timeout_seconds)
        return driver

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session, and with it a transaction that is not committed."""
        # No ROLLBACK is sent: the server rolls back when the connection ends, even if it is stuck.
        with contextlib.suppress(SQLAlchemyError, psycopg.Error, OSError):
            self._connection.invalidate()
            self._connection.close()

    @property
    def server_version(self) -> str:
        """Such as 16.4."""
        return str(self._driver.info.parameter_status("server_version")).split(" ", maxsplit=1)[0]

    def begin_snapshot(self, *, read_only: bool) -> None:
        """Begins a transaction whose statements all see one moment.

        Any other transaction begins by itself, with its first statement.
        """
        self._isolation = f"{_SNAPSHOT} READ ONLY" if read_only else _SNAPSHOT
        try:
            with translated("use the target"):
                self._connection.begin()
        finally:
            self._isolation = _LOAD

    def _begin(self, connection: Connection) -> None:
        """Begins a transaction in our isolation level and with our settings, in one round trip."""
        driver = connection.connection.driver_connection
        _begin(cast(psycopg.Connection[Any], driver), self._isolation, self._lock_timeout_seconds)

    def execute(self, statement: Executable, **parameters: object) -> CursorResult[Any]:
        """One statement, with its parameters."""
        log.debug("target_statement", sql=_Sql(statement, self._dialect))
        with translated("use the target"):
            result: CursorResult[Any] = self._connection.execute(statement, parameters)
            return result

    def write(self, statement: Executable) -> int:
        """One statement that writes rows; returns how many."""
        log.debug("target_statement", sql=_Sql(statement, self._dialect))
        with translated("use the target"):
            options = {"preserve_rowcount": True}
            return self._connection.execute(statement, execution_options=options).rowcount

    def stream(self, statement: Executable) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, of which there may be many, in the transaction that is open."""
        log.debug("target_statement", sql=_Sql(statement, self._dialect))
        compiled = statement.compile(dialect=self._dialect)  # type: ignore[attr-defined]
        with translated("use the target"), self._driver.cursor() as cursor:
            sql = str(compiled).encode()
            yield from cursor.stream(sql, compiled.params, size=_ROWS_AT_A_TIME)

    def sql_of(self, element: ClauseElement) -> str:
        """The element as SQL text."""
        return str(element.compile(dialect=self._dialect))

    def name_of(self, table: Table) -> str:
        """The table's name as SQL text, quoted where it must be."""
        return self._preparer.format_table(table)

    def name_of_column(self, column: Column[Any]) -> str:
        """The column's name as SQL text, quoted where it must be."""
        return self._preparer.format_column(column)

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

    def require_temporary_tables(self) -> None:
        """Raises NotAllowedError unless this user may create temporary tables."""
        found = self.execute(_MAY_MAKE_TEMPORARY_TABLES).one()
        if not found.allowed:
            raise NotAllowedError(
                f"The user of the target may not create temporary tables in {found.database}.",
                code="42501",
                remedy=f"GRANT TEMPORARY ON DATABASE {found.database} TO its user.",
            )

    def copy(self, table: Table, batches: Iterable[Batch], encoder: Encoder) -> int:
        """Appends the batches, encoded, with one COPY; returns the rows sent.

        An error that the batches' iterator raises comes out as itself, and the server discards
        what it was sent.
        """
        rows = 0
        columns = ", ".join(map(self._preparer.format_column, table.columns))
        statement = f"COPY {self.name_of(table)} ({columns}) FROM STDIN"
        with translated(f"copy rows to {table}"), self._driver.cursor() as cursor:
            writer = CountingWriter(cursor)
            try:
                with cursor.copy(statement.encode(), writer=writer) as copy:
                    for batch in batches:
                        copy.write(encoder.encode(batch))
                        rows += len(batch)
            finally:
                self.bytes_sent += writer.bytes_written
        return rows

    def commit(self) -> None:
        """Makes the transaction's changes visible, all of them at one moment."""
        with translated("commit"):
            self._connection.commit()

    def rollback(self) -> None:
        """Forgets the transaction's changes."""
        with translated("roll back"):
            self._connection.rollback()

    def analyze(self, table: Table) -> None:
        """Refreshes the planner's statistics; the rows of this transaction count."""
        self.execute(text(f"ANALYZE {self.name_of(table)}"))

    def vacuum(self, table: Table) -> None:
        """Frees the space of the deleted rows; waits for no lock.

        TRUNCATE false: shortening the file would take a lock that blocks readers.
        """
        with translated(f"vacuum {table}"):
            statement = f"VACUUM (TRUNCATE false, SKIP_LOCKED) {self.name_of(table)}"
            self._driver.execute(statement.encode())


@dataclass(frozen=True)
class _Sql:
    """A statement for the log, which compiles it only where it is written."""

    statement: Executable
    dialect: Dialect

    def __str__(self) -> str:
        return str(self.statement.compile(dialect=self.dialect))  # type: ignore[attr-defined]


def _json(value: object) -> str:
    """Without escapes, which not every encoding of a database can resolve."""
    return json.dumps(value, ensure_ascii=False)


def session_name(run_id: str) -> str:
    """The session's application_name: what a DBA sees in pg_stat_activity."""
    return f"etl-sales-target {run_id} on {os.uname().nodename}"[:_NAME_BYTES]


def _begin(driver: psycopg.Connection[Any], isolation: str, lock_timeout_seconds: int) -> None:
    settings = [
        (name, value) for name, value, since in _SETTINGS if since <= driver.info.server_version
    ]
    settings.append(("lock_timeout", f"'{lock_timeout_seconds}s'"))
    local = "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings)
    driver.execute(f"BEGIN ISOLATION LEVEL {isolation}; {local}".encode())
