"""What the commands print for people: plans, comparisons and runs as tables."""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby, islice
from numbers import Number
from typing import Any

import click
from tabulate import tabulate

from etl_sales_target.core.changes import Reason, RowChange
from etl_sales_target.core.definitions import TableDefinition, TableLayout
from etl_sales_target.core.plan import PeriodStatus, Plan
from etl_sales_target.core.reconciliation import RowDifference, Verification

_RUN_COLUMNS = {
    "run_number": "number",
    "started_at": "started (UTC)",
    "mode": "mode",
    "outcome": "outcome",
    "rows_read": "read",
    "rows_inserted": "inserted",
    "rows_deleted": "deleted",
    "rows_target": "rows",
    "seconds": "seconds",
    "error_code": "error",
    "triggered_by": "by",
    "run_id": "run",
}


def plan(found: Plan) -> str:
    """The periods to read or delete, one line each, and how many are unchanged."""
    lines = [
        (str(entry.period), entry.status.value, entry.rows_source, entry.rows_target)
        for entry in found.touched
    ]
    summary = (
        f"{len(lines)} periods to read or delete, {found.statuses[PeriodStatus.UNCHANGED]} "
        f"unchanged: {found.rows_to_read} rows to read, {found.rows_in_target(found.removed)} to "
        "delete."
    )
    if not lines:
        return summary
    note = "How many of the rows read differ, and are written, is known only then."
    table = _table(lines, ["period", "status", "rows in source", "rows in target"])
    return f"{table}\n\n{summary} {note}"


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
        "history": str(definition.target.history) if definition.history else "none",
    }
    if definition.load_columns:
        facts["load columns"] = ", ".join(definition.load_columns)
    lines = [
        (column.name, column.type.source, target_types.get(column.name, "does not exist yet"))
        for column in layout.columns
    ]
    said = "\n".join(f"{name}: {fact}" for name, fact in facts.items())
    return f"{said}\n{_table(lines, ['column', 'source', 'target'])}"


def changes(
    definition: TableDefinition, columns: Sequence[str], found: Iterable[RowChange], limit: int
) -> Iterator[str]:
    """A table for each run, old and new values side by side; at most `limit` rows in all."""
    shown = 0
    found = iter(found)
    for (run, since, until), group in groupby(islice(found, limit), _run_of):
        lines = [_change(change, columns) for change in group]
        shown += len(lines)
        title = f"{definition.target}, run {run}: between {_utc(since)} and {_utc(until)} UTC"
        yield f"{title}\n{_table(lines, ['', *columns])}\n"
    if not shown:
        yield f"{definition.target}: no changes."
    elif next(found, None):
        yield f"There are more changes; these are the latest {limit}. See --limit."


def _run_of(change: RowChange) -> tuple[int, datetime.datetime, datetime.datetime]:
    return change.run, change.since, change.until


def _change(change: RowChange, columns: Sequence[str]) -> list[str]:
    what = "changed" if change.is_update else "inserted" if change.new else "deleted"
    repair = " (repair)" if change.reason == Reason.REPAIR else ""
    return [f"{what}{repair}", *(_old_and_new(change, name) for name in columns)]


def _old_and_new(change: RowChange, name: str) -> str:
    values = [_cell(row[name]) for row in (change.old, change.new) if row is not None]
    if len(set(values)) == 1:
        return values[0]
    return click.style(" → ".join(values), bold=True)


def _cell(value: object) -> str:
    """A value on one line, and nothing that a terminal would take for a command."""
    if value is None:
        return "NULL"
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


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
