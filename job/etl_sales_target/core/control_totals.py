"""Control totals: what both databases compute of each period, and reconciliation compares."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func

from etl_sales_target.core.columns import COLUMNS
from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import Numbers, by_period, only, read_number, read_period


@dataclass(frozen=True)
class ControlTotals:
    """Of one period: its rows, and each column's non-null count and sum."""

    rows: int
    non_null: Mapping[str, int]
    sums: Mapping[str, Decimal | None]


def total_rows(totals: Iterable[ControlTotals]) -> int:
    """The rows of all these periods."""
    return sum(each.rows for each in totals)


def statement(table: Table, periods: Sequence[Period] | None) -> Select[Any]:
    """One row per period: year, month, rows, each column's non-null count, each column's sum."""
    return only(periods, table, by_period(table, *aggregates(table)))


def aggregates(table: Table) -> Iterator[ColumnElement[Any]]:
    """Rows, each column's non-null count, each column's sum."""
    yield func.count()
    yield from (func.count(column) for column in table.c)
    yield from (func.sum(column) for column in table.c)


def magnitudes(table: Table, periods: Sequence[Period]) -> Select[Any]:
    """One row per period: year, month, each column's sum of absolute values."""
    return only(periods, table, by_period(table, *(func.sum(func.abs(c)) for c in table.c)))


def read_magnitudes(result: Iterable[Numbers]) -> dict[Period, dict[str, Decimal]]:
    """What `magnitudes` returned; the sum of nothing but NULL is 0."""
    return {
        read_period(row): {
            name: read_number(size) or Decimal(0)
            for name, size in zip(COLUMNS, row[2:], strict=True)
        }
        for row in result
    }


def read(result: Iterable[Numbers]) -> dict[Period, ControlTotals]:
    """What `statement` returned, from either database."""
    return {read_period(row): read_row(row) for row in result}


def read_row(row: Numbers) -> ControlTotals:
    """The control totals in a row that begins as those of `statement` do."""
    first_sum = 3 + len(COLUMNS)
    counts, sums = row[3:first_sum], row[first_sum : first_sum + len(COLUMNS)]
    return ControlTotals(
        rows=int(row[2] or 0),
        non_null={name: int(n or 0) for name, n in zip(COLUMNS, counts, strict=True)},
        sums={name: read_number(total) for name, total in zip(COLUMNS, sums, strict=True)},
    )
