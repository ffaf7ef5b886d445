"""The params of a DAG run as arguments of `etl-sales-target`."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

PARAMS = {"tables", "full", "from", "to", "allow_shrink", "check"}


def chosen_tables(tables: Sequence[str], params: Mapping[str, Any]) -> list[str]:
    """Those of the tables that the params choose; all if they choose none.

    Raises AirflowFailException for a table that is not among them, and for params that are unknown
    or contradict each other, before any pod is started.
    """
    unknown = sorted(params.keys() - PARAMS)
    if unknown:
        known = ", ".join(sorted(PARAMS))
        raise AirflowFailException(f"Unknown param {', '.join(unknown)}; the params are {known}.")
    job_arguments(params)
    wanted = {str(table).lower() for table in params.get("tables") or tables}
    missing = sorted(wanted - set(tables))
    if missing:
        raise AirflowFailException(
            f"The param tables: {', '.join(missing)} is not among the release's tables, "
            f"{', '.join(tables)}."
        )
    return [table for table in tables if table in wanted]


def job_arguments(params: Mapping[str, Any], table: str | None = None) -> list[str]:
    """The arguments for a run with these params, of one table or of all.

    A DAG need not have all the params. Raises AirflowFailException if they contradict each other.
    """
    if params.get("check"):
        command = _check(params)
    else:
        command = _load(
            full=bool(params.get("full")), first=params.get("from"), last=params.get("to")
        )
    table_option = ["--table", table] if table else []
    allow_shrink = ["--allow-shrink"] if params.get("allow_shrink") else []
    return [*command, *table_option, *allow_shrink]


def _check(params: Mapping[str, Any]) -> list[str]:
    also = [name for name in ("full", "from", "to", "allow_shrink") if params.get(name)]
    if also:
        raise AirflowFailException(f"The param check loads nothing: leave out {', '.join(also)}.")
    return ["check"]


def _load(*, full: bool, first: str | None, last: str | None) -> list[str]:
    if bool(first) != bool(last):
        raise AirflowFailException("Set both params, from and to, or neither.")
    if not (first and last):
        return ["run", "--full"] if full else ["run"]
    if full:
        raise AirflowFailException("Set the params from and to, or full, not both.")
    if last < first:
        raise AirflowFailException(f"The param to, {last}, is before from, {first}.")
    return ["backfill", "--from", first, "--to", last]
