"""The target: one connection to PostgreSQL, one transaction from lock to commit.

The only module that knows psycopg.
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import psycopg
import structlog
from psycopg import sql
from psycopg.copy import LibpqWriter
from sqlalchemy import Executable, create_engine, delete, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema, CreateTable

from etl_sales_target import classification, tables
from etl_sales_target.errors import JobError, LockedError, NotFoundError, TemporaryError
from etl_sales_target.model import Batch, Figures, Period
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

_LOCK_HOLDER = """
    SELECT activity.application_name, activity.pid
      FROM pg_locks AS lock
      JOIN pg_stat_activity AS activity USING (pid)
     WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
       AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (lock.classid::bigint << 32 | lock.objid::bigint)
           = hashtextextended(:name, 0)
"""

_COLUMN_TYPES = """
    SELECT attname, format_type(atttypid, atttypmod)
      FROM pg_attribute
     WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped
"""

_PRIVILEGES = """
    SELECT privilege
      FROM unnest(ARRAY['SELECT', 'INSERT', 'DELETE']) AS privilege
     WHERE NOT has_table_privilege(to_regclass(:table), privilege)
"""


class Target:
    """An open connection to the target database, in a transaction. A context manager.

    Leaving it closes the connection; what `commit` did not commit is rolled back.
    """

    def __init__(
        self, parameters: Mapping[str, str | int], settings: Settings, run_id: str
    ) -> None:
        self._settings = settings
        self._table = tables.describe(settings.target_table)
        self._name = str(settings.target_table)
        self.bytes_sent = 0
        arguments = {
            "connect_timeout": settings.connect_timeout_seconds,
            "application_name": _application_name(run_id),
            **_KEEPALIVE,
            **parameters,
        }
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(**arguments),  # type: ignore[arg-type]
            poolclass=NullPool,
        )
        with postgres_errors("connect to the target"):
            self._connection = engine.connect()
        self._driver: psycopg.Connection[Any] = self._connection.connection.driver_connection  # type: ignore[assignment]

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_exc: object) -> None:
        # No ROLLBACK is sent: the server rolls back when the connection ends, even if it is stuck.
        with contextlib.suppress(Exception):
            self._driver.close()
        with contextlib.suppress(Exception):
            self._connection.close()

    @property
    def server_version(self) -> str:
        return str(self._driver.info.parameter_status("server_version"))

    def begin(self) -> None:
        """Sets up the transaction: our own lock timeout, no timeout that the load could trip."""
        self._execute(
            text(
                "SELECT set_config('lock_timeout', :lock_timeout, true),"
                " set_config('statement_timeout', '0', true),"
                " set_config('idle_in_transaction_session_timeout', '0', true)"
            ),
            lock_timeout=f"{self._settings.lock_timeout_seconds}s",
        )

    def lock(self) -> None:
        """Makes this run the only one until its transaction ends; readers do not feel it.

        Raises LockedError, with the holder's name, where another run is loading.
        """
        name = f"etl-sales-target:{self._name}"
        key = "hashtextextended(:name, 0)"
        if self._execute(text(f"SELECT pg_try_advisory_xact_lock({key})"), name=name).scalar():  # noqa: S608
            return
        holder = self._execute(text(_LOCK_HOLDER), name=name).first()
        raise LockedError(
            f"Another run is loading {self._name}: "
            + (f"{holder.application_name} (PostgreSQL pid {holder.pid})." if holder else "unknown."),
            remedy="Wait for it to end, then run again.",
            holder=holder.application_name if holder else None,
        )

    def create_missing(self) -> list[str]:
        """Makes the schema and the table where they are missing; returns the names of both made."""
        made = []
        schema = self._settings.target_table.schema
        if not self._execute(text("SELECT to_regnamespace(:name)"), name=schema).scalar():
            self._execute(CreateSchema(schema))
            made.append(schema)
        if not self._exists():
            self._execute(CreateTable(self._table))
            made.append(self._name)
        return made

    def _exists(self) -> bool:
        return bool(self._execute(text("SELECT to_regclass(:table)"), table=self._name).scalar())

    def check_table(self) -> None:
        """Raises NotFoundError or NotAllowedError where the table cannot hold the source's rows."""
        if not self._exists():
            raise NotFoundError(f"The target {self._name} is not there.", remedy="`run` makes it.")
        types = {
            row[0]: row[1] for row in self._execute(text(_COLUMN_TYPES), table=self._name).all()
        }
        for column in tables.COLUMNS:
            if types.get(column) != "numeric":
                raise NotFoundError(
                    f"Column {column} of {self._name} is {types.get(column, 'not there')}, "
                    "not numeric.",
                    remedy=f"ALTER TABLE {self._name} so that {column} is NUMERIC without "
                    "precision; anything else would lose digits.",
                    column=column,
                )
        missing = self._execute(text(_PRIVILEGES), table=self._name).scalars().all()
        if missing:
            raise classification.POSTGRES["42501"].error(
                f"The user of the target may not {', '.join(missing)} on {self._name}.",
                remedy=f"GRANT {', '.join(missing)} ON {self._name} TO its user.",
            )

    def lock_table(self) -> None:
        """Keeps other writers out until the end of the transaction; readers go on."""
        with self._errors(f"lock {self._name} against other writers"):
            self._driver.execute(
                sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(self._identifier)
            )

    def figures(self) -> Mapping[Period, Figures]:
        """Each period's rows, non-null counts and sums, as this transaction sees them."""
        return dict(tables.read_figures(self._execute(tables.figures(self._table)).all()))

    def delete(self, periods: Sequence[Period] | None) -> int:
        """Deletes all rows of these periods (None: of the table); returns how many."""
        statement = delete(self._table)
        if periods is not None:
            statement = statement.where(tables.in_periods(self._table, periods))
        return int(self._execute(statement).rowcount)  # type: ignore[attr-defined]

    def copy(self, batches: Iterable[Batch], on_batch: Callable[[int], None]) -> int:
        """Appends the batches with one COPY; returns the rows sent.

        `on_batch` is told the rows of each batch once it is sent. An error that the batches'
        iterator raises comes out as itself, and the server discards what it was sent.
        """
        rows = 0
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            self._identifier, sql.SQL(", ").join(map(sql.Identifier, tables.COLUMNS))
        )
        with self._errors(f"copy rows to {self._name}"), self._driver.cursor() as cursor:
            writer = _CountingWriter(cursor)
            with cursor.copy(statement, writer=writer) as copy:
                for batch in batches:
                    # deque drains the map at C speed
                    deque(map(copy.write_row, batch), maxlen=0)
                    rows += len(batch)
                    on_batch(len(batch))
            self.bytes_sent += writer.bytes_written
        return rows

    def commit(self) -> None:
        """Makes the load visible, all of it at one moment."""
        with self._errors("commit"):
            self._connection.commit()

    def vacuum(self) -> None:
        """Returns the room of the deleted rows and refreshes the planner's statistics.

        TRUNCATE false: shortening the file would take a lock that readers feel.
        """
        with self._errors(f"vacuum {self._name}"):
            self._driver.autocommit = True
            self._driver.execute(
                sql.SQL("VACUUM (ANALYZE, TRUNCATE false) {}").format(self._identifier)
            )

    @property
    def _identifier(self) -> sql.Identifier:
        return sql.Identifier(*self._name.split("."))

    def _execute(self, statement: Executable, **parameters: object) -> Any:
        with self._errors(f"use {self._name}"):
            return self._connection.execute(statement, parameters)

    def _errors(self, doing: str) -> contextlib.AbstractContextManager[None]:
        return postgres_errors(doing)


class _CountingWriter(LibpqWriter):
    """psycopg's own writer, which also counts what it sends."""

    bytes_written = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.bytes_written += len(data)
        super().write(data)


def _application_name(run_id: str) -> str:
    """What other sessions see of this one; PostgreSQL cuts it at 63 bytes."""
    return f"etl-sales-target {run_id} on {os.uname().nodename}"[:63]


@contextlib.contextmanager
def postgres_errors(doing: str) -> Iterator[None]:
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
    text_ = " ".join(str(error).split())
    code = error.sqlstate or classification.sqlstate_of_connection_failure(text_)
    kind = classification.postgres(code)
    if "certificate" in text_.lower() or "SSL" in text_:
        kind = classification.TLS
    message = f"PostgreSQL: could not {doing}: {text_}"
    if kind is None:
        temporary = isinstance(error, psycopg.OperationalError)
        return (TemporaryError if temporary else JobError)(message, code=code)
    return kind.error(message, code=code, remedy=kind.remedy)
