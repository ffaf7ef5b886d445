"""The statements that one or both databases run on their table, in SQLAlchemy Core.

Nothing here opens a connection. `control_totals` and `digest` add the statements of their own.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

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

from etl_sales_target.core.columns import COLUMNS
from etl_sales_target.core.names import TableName
from etl_sales_target.core.periods import Period

Numbers = Sequence[Decimal | int | None]


def describe(name: TableName, spell: Callable[[str], str] = str) -> Table:
    """The table of this name: NUMERIC columns and nothing else, as in the source.

    `spell` writes a lower-case name as the database's dialect is to be given it.
    """
    return Table(
        spell(name.name),
        MetaData(),
        *(Column(spell(column), Numeric, key=column) for column in COLUMNS),
        schema=spell(name.schema),
    )


def rows(table: Table, periods: Sequence[Period] | None) -> Select[Any]:
    """All rows of these periods; with None, of the whole table."""
    return only(periods, table, select(*table.c))


def no_rows(table: Table) -> Select[Any]:
    """A query that reads nothing and fails where the table or one of its columns is missing."""
    return select(*table.c).where(table.c.id.is_(None), table.c.id.is_not(None))


def counts(table: Table) -> Select[Any]:
    """One row per period: year, month, rows."""
    return by_period(table, func.count())


def read_counts(result: Iterable[Numbers]) -> dict[Period, int]:
    """What `counts` returned."""
    return {read_period(row): int(row[2] or 0) for row in result}


def repeated_ids(table: Table) -> Select[Any]:
    """One number: the rows whose id another row has already."""
    return select(func.count(table.c.id) - func.count(table.c.id.distinct()))


def by_period(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """One row per period: year, month, then these aggregates."""
    year, month = table.c.target_year, table.c.target_month
    return select(year, month, *columns).group_by(year, month)


def read_period(row: Numbers) -> Period:
    """The period of a row that a statement made by `by_period` returned."""
    return Period(read_number(row[0]), read_number(row[1]))


def read_number(value: Decimal | int | None) -> Decimal | None:
    """A number of either database."""
    return None if value is None else Decimal(value)


def only(periods: Sequence[Period] | None, table: Table, statement: Select[Any]) -> Select[Any]:
    """The statement for the rows of these periods alone; with None, for all rows."""
    return statement if periods is None else statement.where(in_periods(table, periods))


def in_periods(table: Table, periods: Sequence[Period]) -> ColumnElement[bool]:
    """The condition that a row lies in one of these periods, NULL included."""
    by_year: dict[Decimal | None, list[Decimal | None]] = defaultdict(list)
    for period in periods:
        by_year[period.year].append(period.month)
    year, month = table.c.target_year, table.c.target_month
    return or_(
        false(),
        *(and_(_one_of(year, [each]), _one_of(month, months)) for each, months in by_year.items()),
    )


def _one_of(column: Column[Any], values: Sequence[Decimal | None]) -> ColumnElement[bool]:
    known = [value for value in values if value is not None]
    conditions = [column.in_(known)] if known else []
    return or_(*conditions, column.is_(None)) if None in values else conditions[0]
