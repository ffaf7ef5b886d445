"""What tests ask of a change history and its ledger."""

from typing import Any

import psycopg

from support.changes_guide import as_of
from support.command import Job
from support.result import Result
from support.target_database import TargetDatabase

LISTED = ("id", "product_id", "target_month", "target_year", "target_amount")
SALES = {
    "target": "mb.sales_target",
    "columns": list(LISTED),
    "period": {"year": "target_year", "month": "target_month"},
    "key": ["id"],
}


def ran(job: Job, *arguments: str, **environ: str) -> Result:
    """A run that succeeds."""
    result = job("run", *arguments, **environ)
    assert result.exit_code == 0, result.stderr
    return result


def history(target: TargetDatabase, columns: str = "id, target_amount") -> list[tuple[Any, ...]]:
    """All changes: run, operation, reason, these columns."""
    return target.query(
        f"SELECT change_run, change_operation, change_reason, {columns}"
        " FROM mb.sales_target_changes ORDER BY 1, 4, 2, 5"
    )


def horizon(target: TargetDatabase) -> int:
    [(found,)] = target.query("SELECT max(history_horizon) FROM mb.etl_sales_target_runs")
    return int(found)


def is_refused_as_of(target: TargetDatabase, run: int) -> bool:
    try:
        target.query(as_of(run))
    except psycopg.errors.InvalidTextRepresentation:
        return True
    return False


def make_old(target: TargetDatabase, *runs: int, days: int = 401) -> None:
    numbers = ", ".join(map(str, runs))
    target.execute(
        f"UPDATE mb.etl_sales_target_runs SET snapshot = snapshot - interval '{days} days'"
        f" WHERE run_number IN ({numbers})"
    )


def runs_in(target: TargetDatabase) -> set[int]:
    return {row[0] for row in history(target)}
