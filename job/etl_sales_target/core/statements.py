"""The statements that one or both databases run on their table, in SQLAlchemy Core.

Nothing here opens a connection. `control_totals` and `digest` add the statements of their own.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Column,
    ColumnElement,
    MetaData,
    Numeric,
    Select,
    Table,
    and_,
    any_,
    false,
    func,
    literal,
    or_,
    select,
    tuple_,
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
    statement = select(*table.c)
    return statement if periods is None else statement.where(in_periods(table, periods))


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
    """The statement for these periods alone; with None, for all rows. PostgreSQL's SQL."""
    return statement if periods is None else statement.where(in_any_of(table, periods))


def in_any_of(table: Table, periods: Sequence[Period]) -> ColumnElement[bool]:
    """The condition that a row lies in one of these periods, NULL included. PostgreSQL's SQL.

    The periods are sent as a few arrays: a statement has at most 65,535 parameters.
    """
    year, month = table.c.target_year, table.c.target_month
    dated = [period for period in periods if None not in (period.year, period.month)]
    among = (
        func.unnest(
            _numbers(period.year for period in dated), _numbers(period.month for period in dated)
        )
        .table_valued("year", "month")
        .render_derived()
    )
    without_year = (period.month for period in periods if period.year is None)
    without_month = (period.year for period in periods if period.month is None)
    return or_(
        tuple_(year, month).in_(select(among.c.year, among.c.month)),
        and_(year.is_(None), month == any_(_numbers(without_year))),
        and_(month.is_(None), year == any_(_numbers(without_month))),
        and_(
            year.is_(None),
            month.is_(None),
            literal(any(period.year is None and period.month is None for period in periods)),
        ),
    )


def _numbers(values: Iterable[Decimal | None]) -> BindParameter[Any]:
    return literal([value for value in values if value is not None], ARRAY(Numeric))


def in_periods(table: Table, periods: Sequence[Period]) -> ColumnElement[bool]:
    """The same condition as IN lists, for Oracle and some hundred periods."""
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
