"""`make demo`: the job moves a table between two throw-away databases, as a user would run it."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import psycopg

from demo.databases import DEFAULT_ROWS, Databases, databases
from demo.embedded_postgres import unwind_on_sigterm

COMMAND = "etl-sales-target"
SOURCE = "apps.khs_customers_trx_targets"
TARGET = "mb.sales_target"

EDITS = (
    f"UPDATE {SOURCE} SET target_amount = target_amount + 0.01 WHERE id = 1",
    f"DELETE FROM {SOURCE} WHERE id = 2",
    f"INSERT INTO {SOURCE} VALUES (0, 1000, 1, 2031, 12345678901234567890.123456789)",
    f"DELETE FROM {SOURCE} WHERE target_year = 2025 AND target_month = 12",
)

PeriodRow = tuple[Decimal, Decimal, int, Decimal | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the exit code is that of the first command that fails."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--rows", type=int, default=DEFAULT_ROWS)
    rows = parser.parse_args(arguments).rows
    unwind_on_sigterm()
    _say(f"Start PostgreSQL and a stand-in for Oracle, and put {rows:,} rows into the source.")
    try:
        with databases(rows) as both:
            _tour(both)
            _compare(both)
    except subprocess.CalledProcessError as error:
        _say(f"This failed with exit code {error.returncode}.")
        return error.returncode
    except KeyboardInterrupt:
        _say("Interrupted; both databases are gone.")
        return 130
    return 0


def _tour(both: Databases) -> None:
    _say("Ask the job whether all that it needs is there.")
    _run(both, "check")
    _say(f"Load the target {TARGET}, which does not exist yet.")
    _run(both, "run")
    _say("Run once more: nothing changed, so nothing moves.")
    _run(both, "run")
    _say("Somebody edits the source, as Oracle's users do: no column says when.")
    _edit(both)
    _say("What would a run do now? Only the periods that differ are reloaded.")
    _run(both, "run", "--dry-run")
    _say("Do it.")
    _run(both, "run")
    _say("Compare source and target, row by row.")
    _run(both, "verify", "--rows")
    _say("The runs are on record.")
    _run(both, "runs")


def _run(both: Databases, *arguments: str) -> None:
    """Run the job's command as a user would; raises CalledProcessError where it fails."""
    print(f"$ {COMMAND} {' '.join(arguments)}", flush=True)
    command = Path(sys.executable).with_name(COMMAND)
    environ = {**os.environ, "ETL_LOG_FORMAT": "text", **both.environ}
    subprocess.run([str(command), *arguments], env=environ, check=True)


def _edit(both: Databases) -> None:
    with psycopg.connect(both.standin_database_url) as connection:
        for statement in EDITS:
            print(f"SQL> {statement};", flush=True)
            connection.execute(statement.encode())


def _compare(both: Databases) -> None:
    """Show what stands in the target, read without the job."""
    source = _periods(both.standin_database_url, SOURCE)
    target = _periods(both.target_uri, TARGET)
    _say(f"This stands in {TARGET} now, read with a plain query.")
    _print_table(target)
    if source != target:
        raise AssertionError("Source and target differ.")
    _say(f"Counts and sums of all {len(target)} periods equal the source's.")


def _periods(url: str, table: str) -> list[PeriodRow]:
    query = (
        f"SELECT target_year, target_month, count(*), sum(target_amount) FROM {table} "
        "GROUP BY target_year, target_month ORDER BY target_year, target_month"
    )
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def _print_table(periods: Sequence[PeriodRow]) -> None:
    print(f"{'year':>6} {'month':>6} {'rows':>12} {'sum of amounts':>24}")
    for year, month, rows, total in periods:
        print(f"{year:>6} {month:>6} {rows:>12,} {total or 0:>24,}")
    sys.stdout.flush()


def _say(sentence: str) -> None:
    print(f"\n== {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
