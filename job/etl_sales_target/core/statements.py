"""The statements that one or both databases run on their table, in SQLAlchemy Core.

Nothing here opens a connection. `control_totals` and `digest` add the statements of their own.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Label,
    MetaData,
    Numeric,
    Select,
    Table,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    collate,
    column,
    distinct,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    over,
    select,
    table,
    true,
    tuple_,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

from etl_sales_target.core.columns import Column, ColumnType, Kind
from etl_sales_target.core.definitions import MonthOfDate, TableLayout, YearAndMonth
from etl_sales_target.core.expressions import CivilText, DatePart, MonthOf
from etl_sales_target.core.names import TableName
from etl_sales_target.core.periods import WHOLE_TABLE, Period

Values = Sequence[Decimal | int | None]
PeriodKey = tuple[ColumnElement[Any], ColumnElement[Any]]


class SqlTable:
    """A table as one database knows it: its name there, and its columns as the source has them.

    `spell` writes a lower-case name as the database's dialect is to be given it; `further` are
    columns that the source does not have, `on_commit` what becomes of a temporary table then.
    """

    def __init__(
        self,
        name: TableName,
        layout: TableLayout,
        spell: Callable[[str], str] = str,
        *,
        further: Iterable[SqlColumn[Any]] = (),
        on_commit: str | None = None,
    ) -> None:
        self.name = name
        self.layout = layout
        self.table = Table(
            spell(name.name),
            MetaData(),
            *further,
            *(_sql_column(column, spell) for column in layout.columns),
            schema=spell(name.schema),
            comment=layout.comment,
            postgresql_on_commit=on_commit,
        )

    @classmethod
    def temporary(cls, name: str, layout: TableLayout) -> "SqlTable":
        """A temporary table of PostgreSQL that holds any row of the target as it is.

        Two of its texts are equal only byte by byte, and its timestamps have all digits.
        """
        sql = cls(TableName("pg_temp", name), layout, on_commit="DROP")
        for each, sql_column in sql:
            if each.type.kind is Kind.TEXT:
                sql_column.type = Text(collation="C")
            elif each.type.kind is Kind.DATETIME:
                sql_column.type = TIMESTAMP()
        return sql

    def __iter__(self) -> Iterator[tuple[Column, SqlColumn[Any]]]:
        """Each column with the one of SQLAlchemy."""
        return ((column, self.table.c[column.name]) for column in self.layout.columns)

    @property
    def period(self) -> PeriodKey | None:
        """Year and month of a row; None where the whole table is one period."""
        columns, period = self.table.c, self.layout.definition.period
        if period is None:
            return None
        if isinstance(period, MonthOfDate):
            return _year_and_month(columns[period.date])
        return columns[period.year], columns[period.month]

    def named(self, names: Iterable[str]) -> list[SqlColumn[Any]]:
        """The columns of these names."""
        return [self.table.c[name] for name in names]

    def comparable(self, name: str) -> Label[Any]:
        """A column's values such that two texts are equal only byte by byte. PostgreSQL's SQL."""
        value = self.table.c[name]
        is_text = self.layout.columns[self.layout.position(name)].type.kind is Kind.TEXT
        return (collate(value, "C") if is_text else value).label(name)


def _sql_column(column: Column, spell: Callable[[str], str]) -> SqlColumn[Any]:
    return SqlColumn(
        spell(column.name), _sql_type(column.type), key=column.name, comment=column.comment
    )


def _sql_type(column_type: ColumnType) -> TypeEngine[Any]:
    match column_type.kind:
        case Kind.NUMBER:
            return Numeric()
        case Kind.TEXT:
            return Text()
        case Kind.DATETIME:
            return TIMESTAMP(precision=column_type.fraction_digits)


def source_rows(sql: SqlTable, periods: Sequence[Period] | None) -> Select[Any]:
    """All rows of these periods (None: of the table), as COPY takes them. Oracle's SQL."""
    values = (
        CivilText(value, each.type.fraction_digits) if each.type.kind is Kind.DATETIME else value
        for each, value in sql
    )
    statement = select(*values)
    return statement if periods is None else statement.where(in_periods(sql, periods))


def no_rows(
    name: TableName, columns: Sequence[str] | None, spell: Callable[[str], str]
) -> Select[Any]:
    """A query that reads nothing, and tells the types of these columns (None: of all)."""
    named: list[ColumnElement[Any]] = [column(spell(each)) for each in columns or ()]
    named = named or [literal_column("*")]
    return (
        select(*named)
        .select_from(table(spell(name.name), schema=spell(name.schema)))
        .where(literal_column("1") == literal_column("0"))
    )


def counts(sql: SqlTable) -> Select[Any]:
    """One row per period: year, month, rows."""
    return by_period(sql, func.count())


def read_counts(result: Iterable[Values], layout: TableLayout) -> dict[Period, int]:
    """What `counts` returned."""
    return {read_period(row, layout): int(row[2]) for row in result if row[2]}


def repeated_keys(sql: SqlTable, periods: Sequence[Period] | None) -> Select[Any]:
    """One number: the rows of these periods whose key another of them has already.

    Keys with a NULL are left out. To count distinct values takes PostgreSQL half the time of
    grouping by them.
    """
    key = [sql.comparable(name).element for name in sql.layout.definition.key]
    value = key[0] if len(key) == 1 else tuple_(*key)
    repeats = select(func.count() - func.count(distinct(value))).select_from(sql.table)
    return only(periods, sql, repeats.where(*(each.is_not(None) for each in key)))


def rows_not_in(these: SqlTable, those: SqlTable, most: int) -> Select[Any]:
    """How many rows of `these` are not in `those`, as multisets, and the first of them as text.

    Two texts are equal only byte by byte, whatever their column's collation says.
    """
    names = these.layout.names
    these_rows, those_rows = (select(*map(sql.comparable, names)) for sql in (these, those))
    missing = these_rows.except_all(those_rows).subquery()
    first = these.layout.definition.period.columns if these.layout.definition.period else ()
    order = dict.fromkeys((*first, *these.layout.definition.key, *these.layout.names))
    shown: list[ColumnElement[Any]] = [over(func.count())]
    shown += (cast(missing.c[name], Text) for name in these.layout.names)
    return select(*shown).order_by(*(missing.c[name] for name in order)).limit(most)


def by_period(sql: SqlTable, *columns: ColumnElement[Any]) -> Select[Any]:
    """One row per period that has rows: year, month, then these aggregates.

    Where the whole table is one period, year and month are NULL, and an empty table, too, has a
    row.
    """
    period = sql.layout.definition.period
    if period is None:
        return select(null(), null(), *columns).select_from(sql.table)
    if isinstance(period, YearAndMonth):
        key = sql.named(period.columns)
        return select(*key, *columns).group_by(*key)
    month = MonthOf(sql.table.c[period.date])
    return select(*_year_and_month(month), *columns).group_by(month)


def _year_and_month(date: ColumnElement[Any]) -> PeriodKey:
    return DatePart("YEAR", date), DatePart("MONTH", date)


def read_period(row: Values, layout: TableLayout) -> Period:
    """The period of a row that a statement made by `by_period` returned."""
    if layout.definition.period is None:
        return WHOLE_TABLE
    return Period(read_number(row[0]), read_number(row[1]))


def read_number(value: Decimal | int | None) -> Decimal | None:
    """A number of either database."""
    return None if value is None else Decimal(value)


def only(periods: Sequence[Period] | None, sql: SqlTable, statement: Select[Any]) -> Select[Any]:
    """The statement for the rows of these periods alone; with None, for all. PostgreSQL's SQL."""
    return statement if periods is None else statement.where(among(sql, periods))


def among(sql: SqlTable, periods: Sequence[Period] | None) -> ColumnElement[bool]:
    """Whether a row lies in one of these periods (None: true), in PostgreSQL."""
    return true() if periods is None else in_any_of(sql, periods)


def in_any_of(sql: SqlTable, periods: Sequence[Period]) -> ColumnElement[bool]:
    """Whether a row lies in one of these periods, in PostgreSQL.

    The periods are sent as a few arrays: a statement has at most 65,535 parameters.
    """
    if sql.period is None:
        return true() if WHOLE_TABLE in periods else false()
    year, month = sql.period
    keys = [period.texts for period in periods]
    dated = [key for key in keys if None not in key]
    among = (
        func.unnest(_numbers(year for year, _ in dated), _numbers(month for _, month in dated))
        .table_valued("year", "month")
        .render_derived()
    )
    without_year = (of_month for of_year, of_month in keys if of_year is None)
    without_month = (of_year for of_year, of_month in keys if of_month is None)
    return or_(
        tuple_(year, month).in_(select(among.c.year, among.c.month)),
        and_(year.is_(None), month == any_(_numbers(without_year))),
        and_(month.is_(None), year == any_(_numbers(without_month))),
        and_(
            year.is_(None),
            month.is_(None),
            literal((None, None) in keys),
        ),
    )


def _numbers(texts: Iterable[str | None]) -> ColumnElement[Any]:
    known = [text for text in texts if text is not None]
    return cast(literal(known, ARRAY(Text)), ARRAY(Numeric))


def in_periods(sql: SqlTable, periods: Sequence[Period]) -> ColumnElement[bool]:
    """The same condition as IN lists, for Oracle and some hundred periods."""
    if sql.period is None:
        return true() if WHOLE_TABLE in periods else false()
    by_year: dict[Decimal | None, list[Decimal | None]] = defaultdict(list)
    for period in periods:
        by_year[period.year].append(period.month)
    year, month = sql.period
    return or_(
        false(),
        *(and_(_one_of(year, [each]), _one_of(month, months)) for each, months in by_year.items()),
    )


def _one_of(value: ColumnElement[Any], values: Sequence[Decimal | None]) -> ColumnElement[bool]:
    known = [each for each in values if each is not None]
    # A bind variable that is named after a column would need quotes where the column does.
    among = bindparam("period", known, type_=Numeric(), unique=True, expanding=True)
    conditions = [value.in_(among)] if known else []
    return or_(*conditions, value.is_(None)) if None in values else conditions[0]
