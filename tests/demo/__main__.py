"""`make demo`: the job moves two tables between throw-away databases, as a user would run it."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from demo.databases import DEFAULT_ROWS, Databases, databases
from demo.embedded_postgres import unwind_on_sigterm

COMMAND = "etl-sales-target"
SOURCE = "apps.khs_customers_trx_targets"
TARGET = "mb.sales_target"
TABLES_VARIABLE = "ETL_TABLES_FILE"
ORDERS_SOURCE = "apps.orders"
ORDERS_TARGET = "mb.orders"

TABLES_FILE = f"""\
tables:
  - source: {SOURCE}
    target: {TARGET}
    period: {{year: target_year, month: target_month}}
    key: [id]
  - source: {ORDERS_SOURCE}
    target: {ORDERS_TARGET}
    period: {{date: ordered_on}}
    key: [id]
"""

# An order for every tenth row of the sales target.
FILL_ORDERS = f"""
CREATE TABLE {ORDERS_SOURCE} (
    id numeric, customer varchar(40), state char(3), ordered_on timestamp(0), amount numeric
);
INSERT INTO {ORDERS_SOURCE}
SELECT
    n,
    'Customer ' || n % 97,
    CASE WHEN n % 20 <> 0 THEN 'NEW' END,
    timestamp '2024-01-01' + n * interval '720 days' / {{orders}},
    round(n * 48271 % 2147483647 / 10000.0, 2)
FROM generate_series(1, {{orders}}) AS n
"""

EDITS = (
    f"UPDATE {SOURCE} SET target_amount = target_amount + 0.01 WHERE id = 1",
    f"DELETE FROM {SOURCE} WHERE id = 2",
    f"INSERT INTO {SOURCE} VALUES (0, 1000, 1, 2031, 12345678901234567890.123456789)",
    f"DELETE FROM {SOURCE} WHERE target_year = 2025 AND target_month = 12",
    f"UPDATE {ORDERS_SOURCE} SET customer = 'Zoë \\ \U0001f600', state = NULL WHERE id = 1",
    f"INSERT INTO {ORDERS_SOURCE} VALUES (0, 'of Cæsar', 'OLD', '0044-03-15 12:00:00 BC', 0.1)",
)

PeriodRow = tuple[Decimal, Decimal, int, Decimal | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the exit code is that of the first command that fails."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--rows", type=int, default=DEFAULT_ROWS)
    rows = parser.parse_args(arguments).rows
    unwind_on_sigterm()
    orders = max(rows // 10, 1)
    _say(
        f"Start PostgreSQL and a stand-in for Oracle, and put {rows:,} sales targets and "
        f"{orders:,} orders into the source."
    )
    try:
        with databases(rows) as both, tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            _fill_orders(both, orders)
            file.write(TABLES_FILE)
            file.flush()
            _tour(both, file.name)
            _compare(both)
            _compare_orders(both)
    except subprocess.CalledProcessError as error:
        _say(f"This failed with exit code {error.returncode}.")
        return error.returncode
    except KeyboardInterrupt:
        _say("Interrupted; both databases are gone.")
        return 130
    return 0


def _fill_orders(both: Databases, orders: int) -> None:
    with psycopg.connect(both.standin_database_url) as connection:
        connection.execute(FILL_ORDERS.format(orders=orders).encode())


def _tour(both: Databases, tables_file: str) -> None:
    _say("Name two tables in a file: the sales target, and orders with texts and dates.")
    print(
        f"$ export {TABLES_VARIABLE}={tables_file}\n$ cat ${TABLES_VARIABLE}\n{TABLES_FILE}", end=""
    )
    os.environ[TABLES_VARIABLE] = tables_file
    _say("Ask the job whether all that it needs is there.")
    _run(both, "check")
    _say(f"Load the targets {TARGET} and {ORDERS_TARGET}, which do not exist yet.")
    _run(both, "run")
    _say("Run once more: nothing changed, so nothing moves.")
    _run(both, "run")
    _say("Somebody edits the source, as Oracle's users do: no column says when.")
    _edit(both)
    _say("What would a run do now? Only the periods that differ are read.")
    _run(both, "run", "--dry-run")
    _say("Do it.")
    _run(both, "run")
    _say("What has changed? The change history knows, and what it was before.")
    _run(both, "changes")
    _say("Compare sources and targets, row by row.")
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


def _compare_orders(both: Databases) -> None:
    source = _orders(both.standin_database_url, ORDERS_SOURCE)
    target = _orders(both.target_uri, ORDERS_TARGET)
    _say(f"The first orders of {ORDERS_TARGET} are these.")
    for order in target[:3]:
        print(*("NULL" if value is None else value for value in order), sep=" | ")
    if source != target:
        raise AssertionError("The orders of source and target differ.")
    _say(f"All {len(target)} orders equal the source's.")


def _orders(url: str, table: str) -> list[tuple[Any, ...]]:
    query = f"SELECT id, customer, state, ordered_on::text, amount FROM {table} ORDER BY id"
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


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
