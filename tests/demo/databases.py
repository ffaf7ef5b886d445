"""The two databases of the demo, the benchmark and `make databases`, as one context manager."""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from demo.embedded_postgres import EmbeddedPostgres, unwind_on_sigterm

FIRST_YEAR = 2024
DEFAULT_ROWS = 200_000
DEFAULT_PERIODS = 24

_CREATE_SOURCE = """
CREATE SCHEMA IF NOT EXISTS apps;
CREATE TABLE IF NOT EXISTS apps.khs_customers_trx_targets (
    id numeric,
    product_id numeric,
    target_month numeric,
    target_year numeric,
    target_amount numeric
)
"""

# Months follow each other as the rows do; amounts have 0 to 4 decimals, and 1% are NULL.
_FILL_SOURCE = """
INSERT INTO apps.khs_customers_trx_targets
SELECT
    n,
    1000 + n * 7919 % 5000,
    1 + period % 12,
    %(first_year)s + period / 12,
    CASE WHEN n %% 100 <> 0 THEN trim_scale(round(n * 48271 % 2147483647 / 10000.0, decimals)) END
FROM
    generate_series(1, %(rows)s::bigint) AS n,
    LATERAL (SELECT (n - 1) * %(periods)s / %(rows)s AS period, (n % 5)::int AS decimals) AS of_row
""".replace(" % ", " %% ")


@dataclass(frozen=True)
class Databases:
    """Where the source and the target are, and where the rows behind the source can be edited."""

    source_uri: str
    target_uri: str
    standin_database_url: str

    @property
    def environ(self) -> dict[str, str]:
        """The two variables from which the job learns its connections."""
        return {
            "AIRFLOW_CONN_ORACLE_CONN_ID": self.source_uri,
            "AIRFLOW_CONN_POSTGRES_CONN_ID": self.target_uri,
        }


@contextmanager
def databases(
    rows: int = DEFAULT_ROWS,
    periods: int = DEFAULT_PERIODS,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Databases]:
    """Both databases, the source filled and the target empty, until the block ends."""
    with EmbeddedPostgres(settings) as postgres:
        source_url = postgres.create_database("oracle_standin")
        target_url = postgres.create_database("warehouse")
        fill_source(source_url, rows, periods)
        with _standin_process(source_url) as standin:
            yield Databases(
                source_uri=_oracle_uri(standin),
                target_uri=target_url.replace("postgresql://", "postgres://", 1),
                standin_database_url=source_url,
            )


def fill_source(url: str, rows: int, periods: int = DEFAULT_PERIODS) -> None:
    """Create the source table behind the stand-in and fill it, from January 2024 onwards."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_CREATE_SOURCE)
        if rows:
            values = {"rows": rows, "periods": periods, "first_year": FIRST_YEAR}
            connection.execute(_FILL_SOURCE, values)
        connection.execute("ANALYZE apps.khs_customers_trx_targets")


@contextmanager
def _standin_process(database_url: str) -> Iterator[dict[str, str | int]]:
    """The stand-in as a process of its own, so that it and the job do not share one core."""
    process = subprocess.Popen(
        [sys.executable, "-m", "oracle_standin", "--database-url", database_url],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        # Ctrl-C must end the job first, the databases last.
        start_new_session=True,
    )
    with process:
        try:
            yield _first_line(process)
        finally:
            process.terminate()


def _first_line(process: subprocess.Popen[bytes]) -> dict[str, str | int]:
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise ChildProcessError("The Oracle stand-in ended before it was ready.")
    ready: dict[str, str | int] = json.loads(line)
    return ready


def _oracle_uri(standin: Mapping[str, str | int]) -> str:
    user, password, service = (
        quote(str(standin[name]), safe="") for name in ("user", "password", "service_name")
    )
    return f"oracle://{user}:{password}@{standin['host']}:{standin['port']}/{service}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the databases, print how to reach them, and stay until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m demo.databases", description=main.__doc__)
    parser.add_argument("--rows", type=int, default=DEFAULT_ROWS)
    parser.add_argument("--periods", type=int, default=DEFAULT_PERIODS)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    try:
        with databases(options.rows, options.periods) as both:
            variables = {**both.environ, "STANDIN_DATABASE_URL": both.standin_database_url}
            for name, value in variables.items():
                print(f"export {name}={shlex.quote(value)}")
            print("# Both databases are up; Ctrl-C stops and removes them.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("# Both databases are gone.", flush=True)


if __name__ == "__main__":
    main()
