"""The two tables as a bystander sees them, by a connection each that is kept: cheap to look at."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from support.source_database import COLUMNS, InsertedRow, SourceRow, StandinSource
from support.target_database import TargetDatabase

_ALL_ROWS = f"SELECT {COLUMNS} FROM {{table}} ORDER BY {COLUMNS}"


class Observer:
    """One connection, made anew where the server ended it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """One statement or several, committed; the rows of the last."""
        for last in (False, True):
            try:
                return self._run(statement)
            except psycopg.OperationalError:
                self.close()
                if last:
                    raise
        raise AssertionError

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True)
        cursor = self._connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def copy(self, statement: str, rows: Iterable[InsertedRow]) -> None:
        """The rows by one COPY."""
        self.run("SELECT 1")
        assert self._connection
        with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def close(self) -> None:
        if self._connection:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


@dataclass(frozen=True)
class ObservedTarget(TargetDatabase):
    """The target as a reader sees it."""

    observer: Observer

    def execute(self, statement: str) -> None:
        self.observer.run(statement)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return self.observer.run(statement)

    def rows(self) -> list[SourceRow]:
        return self.query(_ALL_ROWS.format(table="mb.sales_target"))


@dataclass
class ObservedSource(StandinSource):
    """The table in the PostgreSQL behind the stand-in."""

    def __post_init__(self) -> None:
        self.observer = Observer(self.database_url)
        super().__post_init__()

    def execute(self, statement: str) -> None:
        self.observer.run(statement.format(table=self.table))

    def insert(self, rows: Iterable[InsertedRow]) -> None:
        self.observer.copy(f"COPY {self.table} ({COLUMNS}) FROM STDIN", rows)

    def rows(self) -> list[SourceRow]:
        return self.observer.run(_ALL_ROWS.format(table=self.table))


@contextlib.contextmanager
def observed_target(url: str) -> Iterator[ObservedTarget]:
    """Until the block ends."""
    observer = Observer(url)
    yield ObservedTarget(url, observer)
    observer.close()


@contextlib.contextmanager
def observed_source(standin: Any, url: str) -> Iterator[ObservedSource]:
    """Until the block ends."""
    source = ObservedSource(standin, url)
    yield source
    source.observer.close()
