"""The target that integration tests read and disturb."""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

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

    def login_of(self, *grants: str) -> str:
        """The URL of a new ordinary user that has been granted this; `{role}` stands for it."""
        role = f"loader_{secrets.token_hex(4)}"
        place = urlsplit(self.url)
        with psycopg.connect(self.url) as connection:
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'of-the-loader'".encode())
            for grant in grants:
                connection.execute(grant.format(role=role, database=place.path[1:]).encode())
        return urlunsplit(
            place._replace(netloc=f"{role}:of-the-loader@{place.netloc.rpartition('@')[2]}")
        )

    def exists(self) -> bool:
        return self.query("SELECT to_regclass('mb.sales_target')") != [(None,)]

    def last_run(self, *columns: str) -> tuple[Any, ...]:
        """These columns of the ledger's last run."""
        return self.query(
            f"SELECT {', '.join(columns)} FROM mb.etl_sales_target_runs"
            " ORDER BY started_at DESC LIMIT 1"
        )[0]
