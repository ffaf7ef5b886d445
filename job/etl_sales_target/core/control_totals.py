"""Control totals: what both databases compute of each period, and reconciliation compares.

Each column has one total, whatever its type: the sum of its numbers, of the lengths of its texts in
code points, or of the civil fields of its dates, each as one number YYYYMMDDHH24MISS.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, func

from etl_sales_target.core.columns import Column, Kind
from etl_sales_target.core.definitions import TableLayout
from etl_sales_target.core.expressions import CivilNumber, CodePoints
from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import (
    SqlTable,
    Values,
    by_period,
    only,
    read_number,
    read_period,
)

_NO_SUM = str(None)

# How many values `aggregates` yields beside two for each column.
_ROW_COUNT = 1

# Year and month, before the aggregates.
_PERIOD_COLUMNS = 2


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """Of one period: its rows, and for each column, in order, its non-null count and its sum.

    Counts and sums are kept as one text: there may be hundreds of thousands of periods, and as
    numbers they take five times the memory. Equal totals whose sums have as many decimals are
    equal as objects.
    """

    rows: int
    _text: str

    @classmethod
    def of(
        cls, rows: int, non_null: Iterable[int], sums: Iterable[Decimal | None]
    ) -> "ControlTotals":
        """The counts and sums of all columns, in order."""
        return cls(rows, " ".join(map(str, (*non_null, *sums))))

    @property
    def non_null(self) -> Sequence[int]:
        """How many values of each column are not NULL."""
        return [int(text) for text in self._halves[0]]

    @property
    def sums(self) -> Sequence[Decimal | None]:
        """The sum of each column; None where all its values are NULL."""
        return [None if text == _NO_SUM else Decimal(text) for text in self._halves[1]]

    @property
    def _halves(self) -> tuple[list[str], list[str]]:
        texts = self._text.split()
        columns = len(texts) // 2
        return texts[:columns], texts[columns:]


def total_rows(totals: Iterable[ControlTotals]) -> int:
    """The rows of all these periods."""
    return sum(each.rows for each in totals)


def sum_of(column: Column) -> str:
    """What the column's sum adds up, in words."""
    match column.type.kind:
        case Kind.NUMBER:
            return f"sum of {column.name}"
        case Kind.TEXT:
            return f"sum of the lengths of {column.name}"
        case Kind.DATETIME:
            return f"sum of the dates in {column.name}"


def statement(sql: SqlTable, periods: Sequence[Period] | None) -> Select[Any]:
    """One row per period: year, month, rows, each column's non-null count, each column's sum."""
    return only(periods, sql, by_period(sql, *aggregates(sql)))


def aggregates(sql: SqlTable) -> Iterator[ColumnElement[Any]]:
    """Rows, each column's non-null count, each column's sum."""
    yield func.count()
    yield from (func.count(value) for _, value in sql)
    yield from (func.sum(_addend(column, value)) for column, value in sql)


def _addend(column: Column, value: ColumnElement[Any]) -> ColumnElement[Any]:
    match column.type.kind:
        case Kind.NUMBER:
            return value
        case Kind.TEXT:
            return CodePoints(value)
        case Kind.DATETIME:
            return CivilNumber(value, column.type.fraction_digits)


def magnitudes(sql: SqlTable, periods: Sequence[Period]) -> Select[Any]:
    """One row per period: year, month, each column's sum of absolute values."""
    sizes = (func.sum(func.abs(_addend(column, value))) for column, value in sql)
    return only(periods, sql, by_period(sql, *sizes))


def read_magnitudes(
    result: Iterable[Values], layout: TableLayout
) -> dict[Period, Sequence[Decimal]]:
    """What `magnitudes` returned; the sum of nothing but NULL is 0."""
    return {
        read_period(row, layout): tuple(
            read_number(size) or Decimal(0) for size in row[_PERIOD_COLUMNS:]
        )
        for row in result
    }


def read(result: Iterable[Values], layout: TableLayout) -> dict[Period, ControlTotals]:
    """What `statement` returned, from either database."""
    return {read_period(row, layout): read_row(row, layout) for row in result if row[2]}


def read_row(row: Values, layout: TableLayout) -> ControlTotals:
    """The control totals in a row that begins as those of `statement` do."""
    number = len(layout.columns)
    first = _PERIOD_COLUMNS + _ROW_COUNT
    counts, sums = row[first : first + number], row[first + number : first + 2 * number]
    return ControlTotals.of(
        rows=int(row[2] or 0),
        non_null=(int(each or 0) for each in counts),
        sums=map(read_number, sums),
    )


def width(layout: TableLayout) -> int:
    """How many values a row of `statement` has."""
    return _PERIOD_COLUMNS + _ROW_COUNT + 2 * len(layout.columns)


# By period, for each column in order, the sum of the absolute values.
Magnitudes = Mapping[Period, Sequence[Decimal]]
