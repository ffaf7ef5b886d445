"""The job as its users run it: a process, its environment, its exit code, its log."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
import pytest

from etl_sales_target.config import airflow_connection as connections
from oracle_standin import OracleStandin
from sources import COLUMNS, OracleSource, SourceDatabase, SourceRow, StandinSource, ordered

_TIMEOUT_SECONDS = 60
ORACLE_TEST_CONN = os.environ.get("ORACLE_TEST_CONN")


@dataclass(frozen=True)
class Result:
    """A finished command. `events` are its log lines, `failure` the last one."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{")]

    @property
    def failure(self) -> dict:
        assert self.events[-1]["event"] == "run_failed", self.stderr
        return self.events[-1]

    def event(self, name: str) -> dict:
        """The one log line of this event."""
        return next(event for event in self.events if event["event"] == name)


@dataclass
class Job:
    """The command `etl-sales-target` with an environment. Calling it runs it to its end."""

    environ: dict[str, str]

    def __call__(self, *arguments: str, **environ: str) -> Result:
        process = self.start(*arguments, **environ)
        stdout, stderr = process.communicate(timeout=_TIMEOUT_SECONDS)
        return Result(process.returncode, stdout, stderr)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """The same, but returns at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "etl_sales_target", *arguments],
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


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

    def query(self, statement: str) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode()).fetchall()

    def exists(self) -> bool:
        return self.query("SELECT to_regclass('mb.sales_target')") != [(None,)]

    def last_run(self, *columns: str) -> tuple:
        """These columns of the ledger's last run."""
        return self.query(
            f"SELECT {', '.join(columns)} FROM mb.etl_sales_target_runs"
            " ORDER BY started_at DESC LIMIT 1"
        )[0]


@pytest.fixture
def standin(standin: OracleStandin) -> OracleStandin:
    """The stand-in itself, for what a test does to no real Oracle: there the test is skipped."""
    if ORACLE_TEST_CONN:
        pytest.skip("does to the source what only the stand-in allows")
    return standin


@pytest.fixture
def source(request: pytest.FixtureRequest) -> SourceDatabase:
    """An empty source table: in the Oracle that ORACLE_TEST_CONN names, else in the stand-in."""
    if ORACLE_TEST_CONN:
        parsed = connections.parse(ORACLE_TEST_CONN, name="ORACLE_TEST_CONN")
        arguments = connections.oracle_parameters(parsed).connect_arguments()
        return OracleSource(ORACLE_TEST_CONN, arguments)
    standin = request.getfixturevalue("standin")
    return StandinSource(standin, request.getfixturevalue("standin_database_url"))


@pytest.fixture
def target(target_url: str) -> TargetDatabase:
    """An empty database for the target."""
    return TargetDatabase(target_url)


@pytest.fixture
def job(source: SourceDatabase, target: TargetDatabase) -> Job:
    """The command, with both connections set."""
    return Job(
        {
            "PATH": os.environ["PATH"],
            "AIRFLOW_CONN_ORACLE_CONN_ID": source.uri,
            "AIRFLOW_CONN_POSTGRES_CONN_ID": target.url,
            "ETL_SOURCE_TABLE": source.table,
            "ETL_LOG_FORMAT": "json",
            "ETL_CONNECT_TIMEOUT_SECONDS": "5",
            "ETL_RETRY_BUDGET_SECONDS": "0",
            "PYTHONWARNINGS": "error",
        }
    )


@pytest.fixture
def small_source(source: SourceDatabase) -> Iterator[SourceDatabase]:
    """24 rows in 12 months of 2024, a NULL amount in each."""
    source.insert((n, n % 5, n % 12 + 1, 2024, None if n < 12 else f"{n}.25") for n in range(24))
    return source


def with_password(url: str, password: str) -> str:
    """The URL with another password."""
    head, _, tail = url.rpartition("@")
    return f"{head.rpartition(':')[0]}:{quote(password, safe='')}@{tail}"
