"""A session of Oracle: its login, its calls, how long each may take, and what it sends.

Only this package imports oracledb.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ParamSpec, Self, TypeVar

import oracledb
import structlog
from sqlalchemy import Select, make_url
from sqlalchemy.sql import quoted_name

from etl_sales_target.core.errors import TemporaryError
from etl_sales_target.core.failure_classes import NETWORK
from etl_sales_target.oracle import client_library, sockets
from etl_sales_target.oracle.client_library import DriverMode
from etl_sales_target.oracle.errors import translated
from etl_sales_target.oracle.parameters import OracleParameters
from etl_sales_target.runtime import deadline
from etl_sales_target.runtime.deadline import DeadlineError

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

# What is asked for as the size of a packet. The server grants as much as its own configuration
# allows (8 KiB by default).
_SDU_BYTES = 65535

# Firewalls forget connections that are idle: a packet a minute while PostgreSQL is at work.
_KEEPALIVE_MINUTES = 1

# What the driver has for cancelling in order a call that took too long. It counts from packet to
# packet: a server that never ends an answer would keep it for ever.
_CANCEL_SECONDS = 5

# Closing must not wait for a server that no longer answers.
_CLOSE_TIMEOUT_MILLISECONDS = 3_000


def initialise_driver(mode: DriverMode) -> str:
    """Puts the driver into this mode, once a process; returns a line that says which and why.

    Raises NotFoundError where the Oracle client library cannot be used.
    """
    if mode.client_dir is None:
        return f"not used: thin mode, as {mode.reason}"
    library = client_library.validate(mode.client_dir)
    with translated("initialise the Oracle client"):
        oracledb.init_oracle_client(
            lib_dir=str(mode.client_dir), config_dir=mode.config_dir, driver_name="etl-sales-target"
        )
        version = ".".join(map(str, oracledb.clientversion()))
    return f"version {version} at {library}: thick mode, as {mode.reason}"


class OracleSession:
    """An open session. A context manager: leaving it closes.

    Raises JobErrors alone: see `oracle.errors`.
    """

    def __init__(
        self,
        parameters: OracleParameters,
        *,
        run_id: str,
        connect_timeout_seconds: int,
        call_timeout_seconds: int,
    ) -> None:
        arguments = {
            "expire_time": _KEEPALIVE_MINUTES,
            "sdu": _SDU_BYTES,
            **parameters.connect_arguments(),
            "tcp_connect_timeout": connect_timeout_seconds,
        }
        before = sockets.open_sockets()
        with translated("connect to the source"):
            self._driver = _connect(arguments, call_timeout_seconds, run_id)
        # No engine: it would send five statements to get to know the server.
        self._dialect = make_url("oracle+oracledb://").get_dialect()()
        self._sockets = sockets.open_sockets() - before
        self._watchdog = sockets.Watchdog(
            self._sockets, call_timeout_seconds, cancel_seconds=_CANCEL_SECONDS
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._watchdog.stop()
        # Nothing that fails here matters: the server ends the session of a closed connection.
        with contextlib.suppress(oracledb.Error, OSError):
            # On a lost connection the thin driver's setter crashes the process.
            if self._driver.is_healthy():
                self._driver.call_timeout = _CLOSE_TIMEOUT_MILLISECONDS
            self._driver.close()

    @property
    def server_version(self) -> str:
        """Such as 19.22.0.0.0."""
        return self._driver.version

    @property
    def is_thin(self) -> bool:
        """Whether the driver talks to Oracle itself, without a client library."""
        return bool(self._driver.thin)

    @property
    def bytes_received(self) -> int | None:
        """What the server has sent on this connection so far, where the kernel counts it."""
        return sockets.bytes_received(self._sockets)

    def spell(self, name: str) -> str:
        """A lower-case name as SQLAlchemy must be given it for Oracle.

        The dialect would quote some names as they are, in lower case: reserved words, those with
        '#' or a leading '_'. Oracle keeps all of them in upper case.
        """
        if self._dialect.identifier_preparer.quote(name) == name:
            return name
        return quoted_name(name.upper(), quote=True)

    def begin_read_only(self) -> None:
        """Begins a transaction whose queries all see one moment. It needs no grant."""
        with translated("begin a snapshot"):
            self._call(self._driver.rollback)
            with self._driver.cursor() as cursor:
                self._call(cursor.execute, "set transaction read only")

    def first_row(self, sql: str, *, doing: str, **parameters: str) -> tuple[Any, ...] | None:
        """The first row of a query, None where there is none; `doing` as for `query`."""
        with translated(doing), self._driver.cursor() as cursor:
            self._call(cursor.execute, sql, parameters)
            row: tuple[Any, ...] | None = self._call(cursor.fetchone)
            return row

    def all_rows(self, sql: str, *, doing: str, **parameters: str) -> list[tuple[Any, ...]]:
        """All rows of a query that has few; `doing` as for `query`."""
        with translated(doing), self._driver.cursor() as cursor:
            self._call(cursor.execute, sql, parameters)
            rows: list[tuple[Any, ...]] = self._call(cursor.fetchall)
            return rows

    @contextlib.contextmanager
    def query(
        self, statement: Select[Any], *, doing: str, fetch_rows: int, literal: bool = False
    ) -> Iterator["Rows"]:
        """The rows of a statement, which a round trip brings `fetch_rows` at a time.

        `doing` completes "could not ..." in what is raised; `literal`: no bind variables.
        """
        sql, parameters = self._compile(statement, literal=literal)
        log.debug("source_query", sql=sql)
        with translated(doing), self._driver.cursor() as cursor:
            # The first rows come with the answer to the statement itself.
            cursor.arraysize = cursor.prefetchrows = fetch_rows
            cursor.outputtypehandler = _numbers_as_text
            self._call(cursor.execute, sql, parameters)
            yield Rows(cursor, self._call)

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One call of the driver, cut off where it takes longer than the driver should let it."""
        with self._watchdog:
            return function(*args, **kwargs)

    def _compile(self, statement: Select[Any], *, literal: bool) -> tuple[str, dict[str, Any]]:
        how = "literal_binds" if literal else "render_postcompile"
        compiled = statement.compile(dialect=self._dialect, compile_kwargs={how: True})
        return str(compiled), {} if literal else dict(compiled.params)


class Rows:
    """What a query returns: each NUMBER as its decimal text, each text as it is."""

    def __init__(self, cursor: oracledb.Cursor, call: Callable[..., Any]) -> None:
        self._cursor = cursor
        self._call = call

    @property
    def description(self) -> list[oracledb.FetchInfo]:
        """What the driver says of each column."""
        return self._cursor.description or []

    def next(self, rows: int) -> list[tuple[str | None, ...]]:
        """The next rows, at most so many; empty at the end."""
        batch: list[tuple[str | None, ...]] = self._call(self._cursor.fetchmany, rows)
        return batch


def _connect(
    arguments: Mapping[str, Any], call_timeout_seconds: int, run_id: str
) -> oracledb.Connection:
    connection = _log_in(arguments, call_timeout_seconds)
    connection.call_timeout = call_timeout_seconds * 1000
    # A DBA sees them in V$SESSION.
    connection.module = "etl-sales-target"
    connection.action = run_id
    return connection


def _log_in(arguments: Mapping[str, Any], timeout_seconds: int) -> oracledb.Connection:
    """With a deadline: the driver's own do not cover a listener that accepts and never answers.

    A signal, too, is heard at once; raised inside the driver, it would seem a network's failure.
    """
    try:
        return deadline.call(lambda: oracledb.connect(**arguments), seconds=timeout_seconds)
    except DeadlineError as error:
        raise TemporaryError(
            f"Oracle: could not connect to the source: no answer to the login within "
            f"{timeout_seconds} s (ETL_CALL_TIMEOUT_SECONDS).",
            remedy=NETWORK.remedy,
        ) from error


def _numbers_as_text(cursor: oracledb.Cursor, metadata: oracledb.FetchInfo) -> oracledb.Var | None:
    """NUMBER as its decimal digits: the driver's own float and int lose fractions or time."""
    if metadata.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(str, arraysize=cursor.arraysize)
    return None
