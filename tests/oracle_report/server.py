"""What the server says of itself: versions, NLS parameters, and how long it takes to answer."""

import re
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

import oracledb

NLS = (
    "NLS_CHARACTERSET",
    "NLS_NCHAR_CHARACTERSET",
    "NLS_CALENDAR",
    "NLS_COMP",
    "NLS_SORT",
    "NLS_DATE_FORMAT",
    "NLS_LENGTH_SEMANTICS",
    "NLS_NUMERIC_CHARACTERS",
)
_ROUND_TRIPS = 20
_CODE = re.compile(r"\b(?:ORA|DPY|DPI)-\d{4,5}\b")
_VIEWS = {"database": "nls_database_parameters", "session": "nls_session_parameters"}


def facts(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of each fact. Raises oracledb.Error if the login fails."""
    before = time.perf_counter()
    with oracledb.connect(**arguments) as connection:
        yield "time to connect", f"{time.perf_counter() - before:.3f} s"
        yield "server version", connection.version
        yield "driver mode", "thin" if connection.thin else "thick"
        yield "round trip, median", f"{_round_trip(connection) * 1000:.2f} ms"
        for scope, view in _VIEWS.items():
            for name, value in _parameters(connection, view):
                yield f"{name}, {scope}", value


def codes(text: str) -> list[str]:
    """The error codes in a message, each once; nothing else of it."""
    return sorted(set(_CODE.findall(text)))


def _round_trip(connection: oracledb.Connection) -> float:
    seconds = []
    with connection.cursor() as cursor:
        for _ in range(_ROUND_TRIPS):
            before = time.perf_counter()
            cursor.execute("SELECT 1 FROM dual").fetchall()
            seconds.append(time.perf_counter() - before)
    return statistics.median(seconds)


def _parameters(connection: oracledb.Connection, view: str) -> Iterator[tuple[str, str]]:
    try:
        with connection.cursor() as cursor:
            found = cursor.execute(f"SELECT parameter, value FROM {view}").fetchall()
    except oracledb.Error as error:
        yield view, f"not readable: {', '.join(codes(str(error)))}"
        return
    yield from ((name, str(value)) for name, value in found if name in NLS)
