"""What can bring the rows across: each contender is a command for a process of its own."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark import process, raw_copy
from benchmark.process import Usage
from benchmark.stage import MEASURED, Stage
from benchmark.tables import PERIODS, MeasuredTable
from demo.databases import FIRST_YEAR

CEILING = "raw COPY of prepared bytes"
COPY_PHASE = "job: copy phase of the first load"
FIRST_LOAD = "job: first load, whole, with reconciliation"
FULL = "job: run --full on a loaded target"
UNCHANGED = "job: run, nothing changed"
ONE_PERIOD = f"job: run, one period of {PERIODS} changed"

CHUNKED_INSERT = "chunked INSERT (SQLAlchemy)"
DLT = "dlt: sql_database, pyarrow, CSV"
AIRFLOW = "Airflow: GenericTransfer"
PANDAS = "pandas: read_sql, to_sql"
PEERS = (CHUNKED_INSERT, DLT, AIRFLOW, PANDAS)
ADBC_EXACT = "ADBC, NUMBER as text and cast"
ADBC_LOSSY = "ADBC, its defaults"

_ROOT = Path(__file__).parents[2]
_JOB = str(Path(sys.executable).with_name("etl-sales-target"))
_PRIMED = "primed"


@dataclass(frozen=True)
class Sample:
    """One measurement. None: not known of a part alone."""

    seconds: float
    rows_moved: int
    is_exact: bool
    peak_bytes: int | None
    wal_bytes: int | None
    cpu_seconds: float | None


@dataclass(frozen=True)
class Contender:
    """A command, what makes its target ready, and where its rows are afterwards."""

    name: str
    command: Sequence[str]
    prepare: Callable[[Stage], None]
    table: str

    def measure(self, stage: Stage) -> Mapping[str, Sample]:
        """Run it once; the samples by the name of what they measure."""
        self.prepare(stage)
        start = stage.settle()
        usage = process.run(self.command, stage.environ(MEASURED))
        wal_bytes = stage.wal_position() - start
        is_exact = stage.is_exact(MEASURED, self.table)
        return self._samples(stage, usage, wal_bytes, is_exact=is_exact)

    def _samples(
        self, stage: Stage, usage: Usage, wal_bytes: int, *, is_exact: bool
    ) -> dict[str, Sample]:
        return {
            self.name: Sample(
                # The ceiling's process says what its COPY alone took.
                seconds=usage.said.get("seconds", usage.seconds),
                cpu_seconds=usage.said.get("cpu_seconds", usage.cpu_seconds),
                rows_moved=stage.rows,
                is_exact=is_exact,
                peak_bytes=usage.peak_bytes,
                wal_bytes=wal_bytes,
            )
        }


class JobContender(Contender):
    """The job's own command; its ledger says how many rows moved and how long the copy took."""

    def _samples(
        self, stage: Stage, usage: Usage, wal_bytes: int, *, is_exact: bool
    ) -> dict[str, Sample]:
        report = stage.report(MEASURED)
        rows = report["rows_read"]
        whole = Sample(
            usage.seconds, rows, is_exact, usage.peak_bytes, wal_bytes, usage.cpu_seconds
        )
        if self.name != FIRST_LOAD:
            return {self.name: whole}
        copy = Sample(report["phase_seconds"]["copy"], rows, is_exact, None, None, None)
        return {COPY_PHASE: copy, FIRST_LOAD: whole}


def of_loading(table: MeasuredTable) -> list[Contender]:
    """The ceiling, a first load, and a run that finds what the load left."""
    ceiling = [sys.executable, "-m", "benchmark.raw_copy"]
    return [
        Contender(CEILING, ceiling, _empty, raw_copy.TABLE),
        JobContender(FIRST_LOAD, [_JOB, "run"], _empty, table.target),
        JobContender(UNCHANGED, [_JOB, "run"], _leave, table.target),
    ]


def of_reloading(table: MeasuredTable) -> list[Contender]:
    """A run that reads everything, over what the last one left."""
    return [JobContender(FULL, [_JOB, "run", "--full"], _leave, table.target)]


def of_peers() -> list[Contender]:
    """What people would use instead, each in the environment that its requirements made."""
    return [
        _peer(CHUNKED_INSERT, "chunked_insert.py"),
        _peer(DLT, "with_dlt.py", table="mb.sales_target"),
        _peer(AIRFLOW, "with_airflow.py", environment=".venv-airflow"),
        _peer(PANDAS, "with_pandas.py"),
    ]


def of_adbc() -> list[Contender]:
    """The quickest other way, with and without an exact result; it checks nothing afterwards."""
    return [_peer(ADBC_EXACT, "with_adbc.py", "exact"), _peer(ADBC_LOSSY, "with_adbc.py")]


def _peer(
    name: str,
    script: str,
    *arguments: str,
    environment: str = ".venv-bench",
    table: str = "sales_target",
) -> Contender:
    python = str(_ROOT / environment / "bin" / "python")
    path = str(Path(__file__).parent / "peers" / script)
    return Contender(name, [python, path, *arguments], _empty, table)


def start_up(stage: Stage) -> Usage:
    """The job until its first query fails, as there is no such table."""
    stage.empty(MEASURED)
    environ = {**stage.environ(MEASURED), "ETL_SOURCE_TABLE": "apps.no_such_table"}
    return process.run([_JOB, "run"], environ, exit_code=69)


def after_an_edit(table: MeasuredTable) -> list[Contender]:
    """The run that follows an edit of the source, on a target that is loaded."""
    return [JobContender(ONE_PERIOD, [_JOB, "run"], _edit, table.target)]


def _empty(stage: Stage) -> None:
    stage.empty(MEASURED)


def _leave(_stage: Stage) -> None:
    """The target is loaded already."""


def _edit(stage: Stage) -> None:
    """Load, then change the first period.

    The same reads for another target, unmeasured, have the stand-in encode its answers.
    """
    process.run([_JOB, "run"], stage.environ(MEASURED))
    stage.edit()
    stage.empty(_PRIMED)
    month = f"{FIRST_YEAR}-01"
    process.run([_JOB, "backfill", "--from", month, "--to", month], stage.environ(_PRIMED))
