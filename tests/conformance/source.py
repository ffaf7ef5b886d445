"""What the clients read: tables in the PostgreSQL behind the stand-in, and what they hold."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Literal

import psycopg

Row = tuple[Decimal | str | datetime | float | None, ...]

PERSONALITIES: tuple[Literal["19c", "23ai"], ...] = ("19c", "23ai")
MANY = 100_000
FETCH_SIZES = (73, 5_000, MANY + 1)
ROWS_BEFORE_ERROR = 1_000
ENDLESS_SECONDS = 10

# From the smallest that Oracle's NUMBER has to the largest, of either sign, and what lies between:
# pairs of digits that begin in the middle, trailing zeros, all 38 digits.
_MAGNITUDES = [
    "1E-130", "9.99E-129", "0.00001", "0.01", "0.1", "0.5", "0.99", "1", "7", "9.5", "10", "99",
    "99.9", "100", "101", "123.45", "12345678901234567890.123456789012345678", "1E+37",
    "99999999999999999999999999999999999999", "0.12345678901234567890123456789012345678", "1E+125",
]  # fmt: skip
NUMBERS: list[Decimal | None] = [
    None,
    Decimal(0),
    *(Decimal(sign + text) for text in _MAGNITUDES for sign in ("", "-")),
]


def number_rows() -> list[Row]:
    return [(Decimal(number), value) for number, value in enumerate(NUMBERS)]


@cache
def many_rows() -> list[Row]:
    """Columns that repeat, columns that do not, and NULLs in rows of their own rhythm."""
    return [
        (
            Decimal(number),
            Decimal(number % 12 + 1),
            Decimal(2000 + number // 10_000),
            None if number % 7 == 0 else Decimal(number * 7919 % 100_003 - 50_000) / 100,
            NUMBERS[number % len(NUMBERS)],
        )
        for number in range(MANY)
    ]


def texts() -> list[Row]:
    """Oracle has no empty text; a CHAR comes with its blanks."""
    values = ["a", " b ", "Ж", "中文", "😀", "it's\n\t2", None]
    rows: list[Row] = []
    for number, value in enumerate(values):
        story = value and (value * 1000)[:1000]
        rows.append((Decimal(number), value, value and value.ljust(10), story, story))
    return rows


def moments(second_digits: int = 6) -> list[Row]:
    """With so many digits of a second's fraction; a DATE has none."""
    lost = 10 ** (6 - second_digits)
    values = [
        "2024-02-29T23:59:59.999999",
        "1970-01-01T00:00:00",
        "1969-12-31T23:59:59.500000",
        "1900-01-01T12:30:00.001000",
        "2199-12-31T00:00:00.123456",
        None,
    ]
    rows: list[Row] = []
    for number, text in enumerate(values):
        value = datetime.fromisoformat(text) if text else None
        kept = value and value.replace(microsecond=value.microsecond // lost * lost)
        rows.append((Decimal(number), value and value.replace(microsecond=0), kept, kept, kept))
    return rows


def floats_and_bytes() -> list[tuple[int, Decimal | None, float | None, float | None, str | None]]:
    """FLOAT is a NUMBER; the bytes in hexadecimal digits."""
    return [
        (0, Decimal("0.1"), 1.5, 0.1, "00"),
        (1, Decimal("-1E+100"), -(2.0**127), -1.7e308, "ff" * 2000),
        (2, Decimal(0), 0.0, 5e-324, bytes(range(256)).hex()),
        (3, None, None, None, None),
    ]


def install(database_url: str) -> None:
    """Create and fill the tables."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_TABLES.encode())
        _copy(connection, "numbers", number_rows())
        _copy(connection, "many_rows", many_rows())
        _copy(connection, "texts", texts())
        _copy(connection, "moments", moments())
        _copy(
            connection,
            "floats_and_bytes",
            [(*values, digits and f"\\x{digits}") for *values, digits in floats_and_bytes()],
        )


def _copy(connection: psycopg.Connection, table: str, rows: Sequence[Row]) -> None:
    with connection.cursor().copy(f"COPY apps.{table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


_TABLES = f"""
CREATE SCHEMA apps;
CREATE TABLE apps.numbers (id numeric, value numeric);
CREATE TABLE apps.many_rows
(id numeric, month numeric, year numeric, amount numeric, value numeric);
CREATE TABLE apps.texts
(id numeric, short varchar(40), padded char(10), story varchar(4000),
national oracle_standin.nvarchar2);
CREATE TABLE apps.floats_and_bytes
(id numeric, number oracle_standin.float, single float4, double float8, bytes bytea);
CREATE TABLE apps.moments
(id numeric, day timestamp(0), instant timestamp(6), zoned timestamptz(6),
local_zoned oracle_standin.timestamp_ltz);
CREATE TABLE apps.bound (id numeric, text text);
CREATE TABLE apps.changing (id numeric);
CREATE VIEW apps.endless AS SELECT 1::numeric AS id FROM pg_sleep({ENDLESS_SECONDS});
CREATE TABLE apps.too_old AS
SELECT id::numeric FROM generate_series(1, {2 * ROWS_BEFORE_ERROR}) AS id;
"""
