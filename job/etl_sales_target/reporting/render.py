"""What the commands print for people: plans, comparisons and runs as tables."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from numbers import Number
from typing import Any

from tabulate import tabulate

from etl_sales_target.core.definitions import TableLayout
from etl_sales_target.core.plan import PeriodStatus, Plan
from etl_sales_target.core.reconciliation import RowDifference, Verification

_RUN_COLUMNS = {
    "started_at": "started (UTC)",
    "mode": "mode",
    "outcome": "outcome",
    "rows_deleted": "deleted",
    "rows_copied": "copied",
    "rows_target": "rows",
    "seconds": "seconds",
    "error_code": "error",
    "triggered_by": "by",
    "run_id": "run",
}


def plan(found: Plan) -> str:
    """The periods to reload, one line each, and how many are unchanged."""
    lines = [
        (str(entry.period), entry.status.value, entry.rows_to_delete, entry.rows_to_copy)
        for entry in found.reloads
    ]
    summary = (
        f"{len(lines)} periods to reload, {found.statuses[PeriodStatus.UNCHANGED]} unchanged: "
        f"{found.rows_to_delete} rows to delete, {found.rows_to_copy} to copy."
    )
    if not lines:
        return summary
    return f"{_table(lines, ['period', 'status', 'rows to delete', 'rows to copy'])}\n\n{summary}"


def verification(found: Verification) -> str:
    """What differs, or that nothing does."""
    if found.is_equal:
        how = "row by row" if found.only_in_source is not None else "by control totals"
        return f"Equal: {found.periods} periods, {found.rows} rows, compared {how}."
    parts = []
    if found.mismatches:
        lines = [(str(m.period), m.name, m.expected, m.actual) for m in found.mismatches]
        parts.append(_table(lines, ["period", "control total", "source", "target"]))
    for side, rows in (("source", found.only_in_source), ("target", found.only_in_target)):
        if rows and rows.count:
            parts.append(_rows(side, rows, found.columns))
    return "\n\n".join(parts)


def _rows(side: str, difference: RowDifference, columns: Sequence[str]) -> str:
    shown = len(difference.rows)
    first = f", the first {shown}" if shown < difference.count else ""
    table = _table(difference.rows, columns)
    return f"{difference.count} rows only in the {side}{first}:\n{table}"


def table(layout: TableLayout, target_types: Mapping[str, str]) -> str:
    """A definition in a few lines, then its columns with the types of both sides."""
    definition = layout.definition
    facts = {
        "source": definition.source,
        "target": definition.target,
        "periods": definition.period or "the whole table is one",
        "key": ", ".join(definition.key) or "none",
        "history": f"{'true' if definition.history else 'false'} (reserved; not written yet)",
    }
    if definition.load_columns:
        facts["load columns"] = ", ".join(definition.load_columns)
    lines = [
        (column.name, column.type.source, target_types.get(column.name, "does not exist yet"))
        for column in layout.columns
    ]
    said = "\n".join(f"{name}: {fact}" for name, fact in facts.items())
    return f"{said}\n{_table(lines, ['column', 'source', 'target'])}"


def runs(found: Iterable[Any]) -> str:
    """The ledger's rows, the latest first."""
    lines = [
        [
            _utc(run.started_at) if name == "started_at" else getattr(run, name)
            for name in _RUN_COLUMNS
        ]
        for run in found
    ]
    return _table(lines, list(_RUN_COLUMNS.values()), missing="")


def _utc(moment: datetime.datetime) -> str:
    # The driver gives it in the session's time zone.
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}"


def _table(lines: Sequence[Sequence[Any]], headers: Sequence[str], *, missing: str = "NULL") -> str:
    columns = zip(*lines, strict=True)
    numeric = [any(isinstance(cell, Number) for cell in column) for column in columns]
    return tabulate(
        lines,
        headers,
        tablefmt="simple",
        disable_numparse=True,  # It would print numbers through floats.
        colalign=["right" if each else "left" for each in numeric] or None,
        missingval=missing,
    )
