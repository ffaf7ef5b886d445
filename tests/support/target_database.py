"""The target that integration tests read and disturb."""

from dataclasses import dataclass
from typing import Any

import psycopg

from support.source_database import COLUMNS, SourceRow, ordered


@dataclass(frozen=True)
class TargetDatabase:
    """The target as a reader sees it."""

    url: str

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement.encode())

    def rows(self) -> list[SourceRow]:
        with psycopg.connect(self.url) as connection:
            return ordered(connection.execute(f"SELECT {COLUMNS} FROM mb.sales_target".encode()))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode()).fetchall()

    def exists(self) -> bool:
        return self.query("SELECT to_regclass('mb.sales_target')") != [(None,)]

    def last_run(self, *columns: str) -> tuple[Any, ...]:
        """These columns of the ledger's last run."""
        return self.query(
            f"SELECT {', '.join(columns)} FROM mb.etl_sales_target_runs"
            " ORDER BY started_at DESC LIMIT 1"
        )[0]
