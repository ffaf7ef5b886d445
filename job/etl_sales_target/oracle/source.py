"""The source: one connection to Oracle, one snapshot, every NUMBER as exact text.

The only module that knows oracledb.
"""

import contextlib
import datetime
import hashlib
import re
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from decimal import Decimal
from typing import Any, ParamSpec, Self, TypeVar

import oracledb
import structlog
from sqlalchemy import Select, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from etl_sales_target.config.airflow_connection import OracleParameters
from etl_sales_target.config.settings import Settings
from etl_sales_target.core import failure_classes as classification
from etl_sales_target.core import statements as tables
from etl_sales_target.core.errors import JobError, NotFoundError, TemporaryError
from etl_sales_target.core.periods import Batch, ControlTotals, Period, PeriodDigest
from etl_sales_target.oracle import client_library
from etl_sales_target.oracle import sockets as traffic
from etl_sales_target.oracle.client_library import DriverMode

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

_CODE = re.compile(r"\b(?:ORA|DPY|DPI)-\d{4,5}\b")
# The driver ends its messages with an address that leads to no more than the code says.
_HELP = re.compile(r"\s*Help: https://\S+")

# Bounds the length of one statement's WHERE; each further group is one more query.
_PERIODS_A_QUERY = 200

# The driver decodes a whole round trip's rows. So many of them at a time move on, and are sent
# while a processor's own cache still holds them: see docs/benchmark.md.
_ROWS_AT_A_TIME = 1000

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
    with oracle_errors("initialise the Oracle client"):
        oracledb.init_oracle_client(
            lib_dir=str(mode.client_dir), config_dir=mode.config_dir, driver_name="etl-sales-target"
        )
        version = ".".join(map(str, oracledb.clientversion()))
    return f"version {version} at {library}: thick mode, as {mode.reason}"


_NOW = 'select to_char(sys_extract_utc(systimestamp), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\') from dual'


class Source:
    """An open connection to the source database. A context manager: leaving it closes."""

    def __init__(self, parameters: OracleParameters, settings: Settings, run_id: str) -> None:
        self._settings = settings
        self._name = settings.source_table
        self._table = tables.describe(self._name)
        sockets = traffic.open_sockets()
        engine = create_engine(
            "oracle+oracledb://",
            creator=lambda: _connect(parameters, settings, run_id),
            poolclass=NullPool,
        )
        with oracle_errors("connect to the source"):
            self._connection = engine.connect()
        self._dialect = engine.dialect
        self._driver: oracledb.Connection = self._connection.connection.driver_connection  # type: ignore[assignment]
        self._sockets = traffic.open_sockets() - sockets
        self._watchdog = traffic.Watchdog(
            self._sockets, settings.call_timeout_seconds + _CANCEL_SECONDS
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._watchdog.stop()
        # Nothing that fails here matters: the server ends the session of a closed connection.
        with contextlib.suppress(SQLAlchemyError, oracledb.Error, OSError):
            # On a lost connection the thin driver's setter crashes the process.
            if self._driver.is_healthy():
                self._driver.call_timeout = _CLOSE_TIMEOUT_MILLISECONDS
            self._connection.invalidate()
            self._connection.close()

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
        return traffic.bytes_received(self._sockets)

    def check_columns(self) -> None:
        """Raises NotFoundError where the table or a column is missing, or is no NUMBER."""
        with self._query(tables.no_rows(self._table)) as cursor:
            self._require_numbers(cursor)

    def resolve(self) -> str:
        """What the source's name stands for: table, view or synonym, from Oracle's dictionary.

        Raises NotFoundError where this user sees no such object.
        """
        name = {"owner": self._name.schema.upper(), "name": self._name.name.upper()}
        found = self._first(
            "select object_type from all_objects"
            " where owner = :owner and object_name = :name order by object_type",
            name,
        )
        if found is None:
            raise NotFoundError(
                f"There is no {self._name}, or this user may not see it.",
                remedy="Correct ETL_SOURCE_TABLE, or ask the DBA for SELECT on it.",
            )
        synonym = self._first(
            "select table_owner, table_name from all_synonyms"
            " where owner = :owner and synonym_name = :name",
            name,
        )
        return f"synonym for {'.'.join(synonym)}" if synonym else found[0].lower()

    def begin_snapshot(self) -> datetime.datetime:
        """From here on all queries see one moment of the source. Returns Oracle's time of it."""
        with oracle_errors("begin a snapshot"), self._driver.cursor() as cursor:
            self._call(self._driver.rollback)
            self._call(cursor.execute, "set transaction read only")
            self._call(cursor.execute, _NOW)
            (now,) = self._call(cursor.fetchone)
            return datetime.datetime.fromisoformat(now)

    @property
    def digest_version(self) -> str:
        """Names the digest's SQL: a digest is compared only with one of the same digest_version."""
        sql, _ = self._compile(tables.digests(self._table), literal=True)
        return hashlib.sha256(sql.encode()).hexdigest()[:16]

    def digests(self) -> Mapping[Period, PeriodDigest]:
        """Each period's totals and digest."""
        statement = tables.digests(self._table)
        with self._query(statement, literal=True) as cursor:
            return tables.read_digests(map(_decimals, self._call(cursor.fetchall)))

    def control_totals(self) -> Mapping[Period, ControlTotals]:
        """Each period's rows, non-null counts and sums."""
        with self._query(tables.control_totals(self._table, None)) as cursor:
            return tables.read_control_totals(map(_decimals, self._call(cursor.fetchall)))

    def repeated_ids(self) -> int:
        """How many rows have an id that another row has already."""
        with self._query(tables.repeated_ids(self._table)) as cursor:
            (number,) = self._call(cursor.fetchone)
            return int(number)

    def batches(self, periods: Sequence[Period] | None) -> Generator[Batch, None, None]:
        """All rows of these periods (None: of the table), a few at a time.

        A round trip brings `ETL_BATCH_ROWS`; no batch has more than that.

        Close it where it may not be read to its end: while the connection still stands.
        """
        rows = min(_ROWS_AT_A_TIME, self._settings.batch_rows)
        for group in _groups(periods):
            with self._query(tables.rows(self._table, group)) as cursor:
                self._require_numbers(cursor)
                while batch := self._call(cursor.fetchmany, rows):
                    yield batch

    def _require_numbers(self, cursor: oracledb.Cursor) -> None:
        for column in cursor.description or ():
            if column.type_code is not oracledb.DB_TYPE_NUMBER:
                raise NotFoundError(
                    f"Column {column.name} of {self._name} is "
                    f"{column.type.name.removeprefix('DB_TYPE_')}, not NUMBER.",
                    remedy="Point ETL_SOURCE_TABLE at a table whose five columns are NUMBER.",
                    column=column.name,
                )

    @contextlib.contextmanager
    def _query(self, statement: Select[Any], *, literal: bool = False) -> Iterator[oracledb.Cursor]:
        sql, parameters = self._compile(statement, literal=literal)
        log.debug("source_query", sql=sql)
        with oracle_errors(f"read {self._name}"), self._driver.cursor() as cursor:
            cursor.arraysize = self._settings.batch_rows
            cursor.outputtypehandler = _numbers_as_text
            self._call(cursor.execute, sql, parameters)
            yield cursor

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One call of the driver, cut off where it takes longer than the driver should let it."""
        with self._watchdog:
            return function(*args, **kwargs)

    def _compile(self, statement: Select[Any], *, literal: bool) -> tuple[str, dict[str, Any]]:
        how = "literal_binds" if literal else "render_postcompile"
        compiled = statement.compile(dialect=self._dialect, compile_kwargs={how: True})
        return str(compiled), {} if literal else dict(compiled.params)

    def _first(self, sql: str, parameters: dict[str, str]) -> tuple[str, ...] | None:
        with oracle_errors("read Oracle's dictionary"), self._driver.cursor() as cursor:
            self._call(cursor.execute, sql, parameters)
            row: tuple[str, ...] | None = self._call(cursor.fetchone)
            return row


def _connect(parameters: OracleParameters, settings: Settings, run_id: str) -> oracledb.Connection:
    arguments = {
        "expire_time": _KEEPALIVE_MINUTES,
        "sdu": _SDU_BYTES,
        **parameters.connect_arguments(),
        "tcp_connect_timeout": settings.connect_timeout_seconds,
    }
    connection = _log_in(arguments, settings.call_timeout_seconds)
    connection.call_timeout = settings.call_timeout_seconds * 1000
    # A DBA sees them in V$SESSION.
    connection.module = "etl-sales-target"
    connection.action = run_id
    return connection


def _log_in(arguments: Mapping[str, Any], timeout_seconds: int) -> oracledb.Connection:
    """In a thread of its own, so that it can be given up.

    The driver's own timeouts do not cover a listener that accepts and never answers, and a signal
    that is raised inside the driver is taken there for a failure of the network.
    """
    login: Future[oracledb.Connection] = Future()

    def log_in() -> None:
        try:
            login.set_result(oracledb.connect(**arguments))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            login.set_exception(error)

    threading.Thread(target=log_in, daemon=True).start()
    if not wait([login], timeout_seconds).done:
        raise TemporaryError(
            f"Oracle: could not connect to the source: no answer to the login within "
            f"{timeout_seconds} s (ETL_CALL_TIMEOUT_SECONDS).",
            remedy=classification.UNREACHABLE.remedy,
        )
    return login.result()


def _numbers_as_text(cursor: oracledb.Cursor, metadata: oracledb.FetchInfo) -> oracledb.Var | None:
    """NUMBER as its decimal digits: the driver's own float and int lose fractions or time."""
    if metadata.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(str, arraysize=cursor.arraysize)
    return None


def _decimals(row: Sequence[str | None]) -> list[Decimal | None]:
    return [None if value is None else Decimal(value) for value in row]


def _groups(periods: Sequence[Period] | None) -> Iterator[Sequence[Period] | None]:
    if periods is None:
        yield None
        return
    for start in range(0, len(periods), _PERIODS_A_QUERY):
        yield periods[start : start + _PERIODS_A_QUERY]


@contextlib.contextmanager
def oracle_errors(doing: str) -> Iterator[None]:
    """Gives the driver's errors the job's names; `doing` completes "could not ..."."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, oracledb.Error):
            raise
        raise _translate(error.orig, doing) from error.orig
    except oracledb.Error as error:
        raise _translate(error, doing) from error
    except OSError as error:  # The driver lets some of its socket's errors pass as they are.
        raise TemporaryError(
            f"Oracle: could not {doing}: {error}.", remedy=classification.UNREACHABLE.remedy
        ) from error
    except MemoryError as error:
        raise TemporaryError(
            f"Oracle: could not {doing}: out of memory.",
            remedy="Lower ETL_BATCH_ROWS, or give the job more memory.",
        ) from error


def _translate(error: oracledb.Error, doing: str) -> JobError:
    text = " ".join(_HELP.sub("", str(error)).split()).removesuffix(".")
    codes = _CODE.findall(text)
    # The last known code is the cause: the driver and Oracle both print the outermost first.
    code = next((code for code in reversed(codes) if classification.oracle(code)), None)
    kind = classification.oracle(code)
    if "certificate" in text.lower():
        kind = classification.TLS
    message = f"Oracle: could not {doing}: {text}."
    code = code or next(iter(codes), None)
    if kind is None:
        temporary = isinstance(error, oracledb.OperationalError)
        return (TemporaryError if temporary else JobError)(message, code=code)
    return kind.error(message, code=code, remedy=kind.remedy)
