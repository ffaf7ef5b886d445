"""Tables of any columns on both sides of the job, and the file that defines them."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from oracle_standin import OracleStandin
from support.command import Job
from support.standin import Behind
from support.target_database import TargetDatabase

Definition = Mapping[str, Any]
Rows = Counter[tuple[Any, ...]]


@dataclass
class AnyTables:
    """The stand-in for Oracle, the target's database, and the job between them.

    `behind` is the PostgreSQL in which the stand-in's tables are.
    """

    standin: OracleStandin
    target: TargetDatabase
    file: Path
    behind: Behind = field(init=False)
    job: Job = field(init=False)

    def __post_init__(self) -> None:
        server = self.standin
        self.behind = Behind(server.database_url)
        self.behind.execute("CREATE SCHEMA IF NOT EXISTS apps")
        self.job = Job(
            {
                "PATH": os.environ["PATH"],
                "AIRFLOW_CONN_ORACLE_CONN_ID": f"oracle://{server.user}:{server.password}"
                f"@{server.dsn}",
                "AIRFLOW_CONN_POSTGRES_CONN_ID": self.target.url,
                "ETL_TABLES_FILE": str(self.file),
                "ETL_LOG_FORMAT": "json",
                "ETL_CONNECT_TIMEOUT_SECONDS": "5",
                "ETL_RETRY_BUDGET_SECONDS": "0",
                "PYTHONWARNINGS": "error",
            }
        )

    def define(self, *definitions: Definition) -> None:
        """Writes the file; JSON is YAML."""
        self.file.write_text(json.dumps({"tables": definitions}, indent=2), encoding="utf-8")

    def source_rows(self, table: str, columns: Sequence[str] = ()) -> Rows:
        """The rows of a table of the source: a multiset, dates as texts, blanks kept."""
        return rows(self.behind.url, table, columns)

    def target_rows(self, table: str, columns: Sequence[str] = ()) -> Rows:
        """The same of a table of the target."""
        return rows(self.target.url, table, columns)


def rows(url: str, table: str, columns: Sequence[str] = ()) -> Rows:
    """The rows of a table as a multiset."""
    return counted(url, f"SELECT {', '.join(columns) or '*'} FROM {table}")


def counted(url: str, query: str) -> Rows:
    """A query's rows as a multiset: dates as texts, as Python has none before the year 1."""
    with psycopg.connect(url) as connection:
        connection.execute("SET DateStyle = 'ISO'")
        connection.adapters.register_loader("timestamp", TextLoader)
        return Counter(connection.execute(query.encode()).fetchall())


def insert(
    connection: psycopg.Connection[Any], table: str, values: Iterable[Sequence[object]]
) -> None:
    """Appends the rows; PostgreSQL reads each value from its text."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy,
    ):
        for row in values:
            copy.write_row(row)
