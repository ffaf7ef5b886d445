"""Both tables, described once, and the statements that both databases run (SQLAlchemy Core)."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from sqlalchemy import (
    Column,
    ColumnElement,
    MetaData,
    Numeric,
    Select,
    Table,
    and_,
    false,
    func,
    or_,
    select,
)

from etl_sales_target.model import Figures, Period, TableName

COLUMNS = ("id", "product_id", "target_month", "target_year", "target_amount")


def describe(name: TableName) -> Table:
    """The table under this name: five NUMERIC columns, nothing else, as in the source."""
    return Table(
        name.name, MetaData(), *(Column(column, Numeric) for column in COLUMNS), schema=name.schema
    )


def rows(table: Table, periods: Sequence[Period] | None) -> Select[tuple[object, ...]]:
    """All rows of these periods; with None, of the whole table."""
    statement = select(*table.c)
    return statement if periods is None else statement.where(in_periods(table, periods))


def in_periods(table: Table, periods: Sequence[Period]) -> ColumnElement[bool]:
    """The condition that a row lies in one of these periods, NULL included."""
    return or_(
        false(),
        *(
            and_(_equal(table.c.target_year, period.year), _equal(table.c.target_month, period.month))
            for period in periods
        ),
    )


def _equal(column: Column[object], value: object) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def figures(table: Table) -> Select[tuple[object, ...]]:
    """One row a period: year, month, rows, then each column's non-null count, then each's sum."""
    return select(
        table.c.target_year.label("period_year"),
        table.c.target_month.label("period_month"),
        func.count().label("row_count"),
        *(func.count(column).label(f"count_{column.name}") for column in table.c),
        *(func.sum(column).label(f"sum_{column.name}") for column in table.c),
    ).group_by(table.c.target_year, table.c.target_month)


def no_rows(table: Table) -> Select[tuple[object, ...]]:
    """A query that reads nothing and fails where the table or one of its columns is missing."""
    return select(*table.c).where(table.c.id.is_(None), table.c.id.is_not(None))


def read_figures(
    result: Iterable[Sequence[Decimal | int | None]],
) -> Iterator[tuple[Period, Figures]]:
    """What `figures` returned, from either database."""
    first_sum = 3 + len(COLUMNS)
    for row in result:
        year, month, row_count = row[:3]
        counts, sums = row[3:first_sum], row[first_sum:]
        yield (
            Period(_decimal(year), _decimal(month)),
            Figures(
                rows=int(row_count or 0),
                non_null={name: int(n or 0) for name, n in zip(COLUMNS, counts, strict=True)},
                sums={name: _decimal(total) for name, total in zip(COLUMNS, sums, strict=True)},
            ),
        )


def _decimal(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
