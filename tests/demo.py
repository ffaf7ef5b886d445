"""`make demo`: the job moves a table between two throw-away databases, as a user would run it."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import psycopg

from databases import DEFAULT_ROWS, Databases, databases
from embedded_postgres import unwind_on_sigterm

COMMAND = "etl-sales-target"
SOURCE = "apps.khs_customers_trx_targets"
TARGET = "mb.sales_target"

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
            return _run_commands(both) or _compare(both)
    except KeyboardInterrupt:
        _say("Interrupted; both databases are gone.")
        return 130


def _run_commands(both: Databases) -> int:
    """Run the job's commands one after the other, up to the first that fails."""
    steps = {
        "Ask the job whether all that it needs is there.": ["check"],
        f"Load the target {TARGET}, which does not exist yet.": ["run"],
        "Run once more: the result must be the same, with no row twice.": ["run"],
    }
    command = Path(sys.executable).with_name(COMMAND)
    for sentence, arguments in steps.items():
        _say(sentence)
        print(f"$ {COMMAND} {' '.join(arguments)}", flush=True)
        done = subprocess.run(
            [str(command), *arguments], env={**os.environ, **both.environ}, check=False
        )
        if done.returncode != 0:
            _say(f"{COMMAND} {' '.join(arguments)} failed with exit code {done.returncode}.")
            return done.returncode
    return 0


def _compare(both: Databases) -> int:
    """Show what stands in the target, and whether it is what stands in the source."""
    source = _periods(both.standin_database_url, SOURCE)
    target = _periods(both.target_uri, TARGET)
    _say(f"This stands in {TARGET} now, read with a plain query.")
    _print_table(target)
    equal = source == target
    _say(
        f"Source {_count(source):,} rows, target {_count(target):,} rows, "
        f"counts and sums of all {len(target)} periods {'equal' if equal else 'NOT EQUAL'}."
    )
    return 0 if equal else 1


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


def _count(periods: Sequence[PeriodRow]) -> int:
    return sum(period[2] for period in periods)


def _say(sentence: str) -> None:
    print(f"\n== {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
