"""The source table that integration tests fill and edit: behind the stand-in, or in a real Oracle.

The SQL given to `execute` must be such that both databases understand it.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import oracledb
import psycopg

from oracle_standin import OracleStandin

COLUMNS = "id, product_id, target_month, target_year, target_amount"
TABLE = "khs_customers_trx_targets"

# The real Oracle to test against, as a connection URI; without, the stand-in takes its place.
ORACLE_TEST_CONN = os.environ.get("ORACLE_TEST_CONN")

SourceRow = tuple[Decimal | None, ...]
# Either database reads a number from text too.
InsertedRow = tuple[Decimal | int | str | None, ...]


class SourceDatabase(Protocol):
    """What a test may do to the source, and how the job finds it."""

    uri: str
    table: str

    def execute(self, statement: str) -> None:
        """One statement, committed; `{table}` stands for the table."""

    def insert(self, rows: Iterable[InsertedRow]) -> None:
        """Rows, committed."""

    def rows(self) -> list[SourceRow]:
        """All rows, in order."""


@dataclass
class StandinSource:
    """The table in the PostgreSQL behind the stand-in."""

    standin: OracleStandin
    database_url: str
    table: str = f"apps.{TABLE}"
    uri: str = field(init=False)

    def __post_init__(self) -> None:
        server = self.standin
        self.uri = f"oracle://{server.user}:{server.password}@{server.dsn}"
        self.execute("CREATE SCHEMA IF NOT EXISTS apps")
        self.execute(
            "CREATE TABLE {table} (id numeric, product_id numeric, target_month numeric,"
            " target_year numeric, target_amount numeric)"
        )

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.database_url) as connection:
            connection.execute(statement.format(table=self.table).encode())

    def insert(self, rows: Iterable[InsertedRow]) -> None:
        statement = f"COPY {self.table} ({COLUMNS}) FROM STDIN"
        with (
            psycopg.connect(self.database_url) as connection,
            connection.cursor() as cursor,
            cursor.copy(statement.encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def rows(self) -> list[SourceRow]:
        with psycopg.connect(self.database_url) as connection:
            return ordered(connection.execute(f"SELECT {COLUMNS} FROM {self.table}".encode()))


@dataclass
class OracleSource:
    """A table of the test's own in a real Oracle, in the schema of the user that logs in."""

    uri: str
    connect_arguments: dict[str, Any]
    table: str = field(init=False)

    def __post_init__(self) -> None:
        # One for each of the processes in which pytest runs the tests.
        worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
        self.table = f"{self.connect_arguments['user']}.etl_sales_target_test_{worker}"
        with contextlib.suppress(oracledb.DatabaseError):
            self.execute("DROP TABLE {table}")
        self.execute(
            "CREATE TABLE {table} (id NUMBER, product_id NUMBER, target_month NUMBER,"
            " target_year NUMBER, target_amount NUMBER)"
        )

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[oracledb.Cursor]:
        with oracledb.connect(**self.connect_arguments) as connection:
            yield connection.cursor()
            connection.commit()

    def execute(self, statement: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(statement.format(table=self.table))

    def insert(self, rows: Iterable[InsertedRow]) -> None:
        with self._cursor() as cursor:
            insert = f"INSERT INTO {self.table} ({COLUMNS}) VALUES (:1, :2, :3, :4, :5)"
            cursor.executemany(insert, list(rows))

    def rows(self) -> list[SourceRow]:
        with self._cursor() as cursor:
            cursor.outputtypehandler = lambda cursor, _metadata: cursor.var(
                Decimal, arraysize=cursor.arraysize
            )
            return ordered(cursor.execute(f"SELECT {COLUMNS} FROM {self.table}"))


def ordered(rows: Iterable[Any]) -> list[SourceRow]:
    """Rows as a multiset: sorted, NULL last, so that two lists are equal where the rows are."""
    return sorted(map(tuple, rows), key=lambda row: [(value is None, value or 0) for value in row])
