"""What all are measured on: a source table of one size, an empty target, and who compares them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from benchmark.tables import SALES_TARGET, MeasuredTable
from demo.embedded_postgres import EmbeddedPostgres

MEASURED = "measured"


class Pace(NamedTuple):
    """How slow the source is made: milliseconds added to a round trip, rows a second (0: any)."""

    delay: float = 0
    rows_per_second: int = 0

    def __str__(self) -> str:
        if self.rows_per_second:
            return f"{self.rows_per_second:,} rows/s"
        return f"{self.delay:g} ms"


AT_ONCE = Pace()

TESTS = Path(__file__).parents[1]

# The target has one checkpoint, just before each measurement, and no vacuum but the contenders'
# own: so each pays for the full page images of what it touches, and for nobody else's.
_TARGET_SETTINGS = {
    "autovacuum": "off",
    "checkpoint_timeout": "1d",
    "max_wal_size": "64GB",
    "min_wal_size": "2GB",
}

_FINGERPRINT = """
SELECT count(*), sum(hashtextextended(concat_ws('|', {values}), 0)) FROM {table}
"""


class Stage:
    """Two PostgreSQL servers, the source and the target, and the stand-in in front of the first."""

    def __init__(
        self,
        table: MeasuredTable,
        source_url: str,
        target: EmbeddedPostgres,
        rows: int,
        folder: Path,
    ) -> None:
        self.table = table
        self.rows = rows
        self.copy_file = folder / "rows.copy"
        self._tables_file = folder / "tables.yaml"
        self._source_url = source_url
        self._target = target
        self._prepare_source()
        self._fingerprint = self._fingerprint_of(source_url, table.source)
        self._standin = _start_standin(source_url)
        self.oracle_uri: str = json.loads(self._answer())["uri"]

    def close(self) -> None:
        self._standin.communicate()

    def set_pace(self, pace: Pace) -> None:
        """From now on the source is as slow as this."""
        assert self._standin.stdin is not None
        self._standin.stdin.write(json.dumps(pace._asdict()) + "\n")
        self._standin.stdin.flush()
        self._answer()

    def environ(self, database: str) -> Mapping[str, str]:
        """A child's environment: the connections as the job and as others want them."""
        url = self._target.url(database)
        inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        return {
            **inherited,
            "PYTHONPATH": str(TESTS),
            "AIRFLOW_CONN_ORACLE_CONN_ID": self.oracle_uri,
            "AIRFLOW_CONN_POSTGRES_CONN_ID": url.replace("postgresql://", "postgres://", 1),
            "ETL_LOG_FORMAT": "json",
            "AIRFLOW_HOME": str(self.copy_file.parent),
            "COPY_FILE": str(self.copy_file),
            "COPY_COLUMNS": self.table.types,
            "SOURCE_URI": self.oracle_uri,
            "TARGET_URL": url,
            **({"ETL_TABLES_FILE": str(self._tables_file)} if self.table.definition else {}),
        }

    def empty(self, database: str) -> None:
        """Make the database anew."""
        self._target.drop_database(database)
        self._target.create_database(database)

    def settle(self) -> int:
        """Write everything out; returns the WAL position from which the next contender starts."""
        with self._admin() as connection:
            connection.execute("CHECKPOINT")
        return self.wal_position()

    def wal_position(self) -> int:
        """In bytes."""
        with self._admin() as connection:
            row = connection.execute(
                "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
            ).fetchone()
        assert row is not None
        return int(row[0])

    def edit(self) -> None:
        """Change one row of one period of the source."""
        with psycopg.connect(self._source_url) as connection:
            connection.execute(self.table.edit.encode())
        self._fingerprint = self._fingerprint_of(self._source_url, self.table.source)

    def is_exact(self, database: str, table: str) -> bool:
        """Whether the table holds the source's rows, digit for digit."""
        return self._fingerprint_of(self._target.url(database), table) == self._fingerprint

    def report(self, database: str) -> Mapping[str, Any]:
        """What the job's last run left in its ledger."""
        with psycopg.connect(self._target.url(database)) as connection:
            row = connection.execute(
                "SELECT report FROM mb.etl_sales_target_runs ORDER BY started_at DESC LIMIT 1"
            ).fetchone()
        assert row is not None
        report: Mapping[str, Any] = row[0]
        return report

    def _admin(self) -> psycopg.Connection:
        return psycopg.connect(self._target.url(), autocommit=True)

    def _prepare_source(self) -> None:
        self._tables_file.write_text(self.table.definition or "")
        self.table.fill(self._source_url, self.rows)
        source = self.table.source
        with psycopg.connect(self._source_url, autocommit=True) as connection:
            connection.execute(f"VACUUM (FREEZE, ANALYZE) {source}".encode())
            with (
                self.copy_file.open("wb") as file,
                connection.cursor() as cursor,
                cursor.copy(f"COPY (SELECT * FROM {source}) TO STDOUT".encode()) as copy,
            ):
                file.writelines(copy)

    def _fingerprint_of(self, url: str, table: str) -> tuple[object, ...] | None:
        """The number of rows, and the sum of their hashes: equal only where all rows are."""
        query = _FINGERPRINT.format(values=self.table.values, table=table)
        with psycopg.connect(url) as connection:
            return connection.execute(query.encode()).fetchone()

    def _answer(self) -> str:
        assert self._standin.stdout is not None
        line = self._standin.stdout.readline()
        if not line:
            raise ChildProcessError("The Oracle stand-in ended.")
        return line


@contextmanager
def stage(rows: int, table: MeasuredTable = SALES_TARGET) -> Iterator[Stage]:
    """Everything ready, until the block ends."""
    with (
        EmbeddedPostgres() as source,
        EmbeddedPostgres(_TARGET_SETTINGS) as target,
        tempfile.TemporaryDirectory() as folder,
    ):
        source_url = source.create_database("oracle_standin")
        made = Stage(table, source_url, target, rows, Path(folder))
        try:
            yield made
        finally:
            made.close()


def _start_standin(url: str) -> subprocess.Popen[str]:
    # A process of its own: it must not share the core, nor count among the contenders' memory.
    return subprocess.Popen(
        [sys.executable, "-m", "benchmark.source", url],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
