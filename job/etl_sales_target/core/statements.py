"""Both tables, described once, and the statements that one or both databases run on them.

SQLAlchemy Core: nothing here opens a connection.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    MetaData,
    Numeric,
    Select,
    String,
    Table,
    and_,
    false,
    func,
    literal,
    or_,
    select,
)

from etl_sales_target.core.periods import ControlTotals, Period, PeriodDigest, TableName

COLUMNS = ("id", "product_id", "target_month", "target_year", "target_amount")

_DIGEST_SEEDS = (1, 2)
_ORA_HASH_BUCKETS = 4294967295

Numbers = Sequence[Decimal | int | None]


def describe(name: TableName) -> Table:
    """The table under this name: five NUMERIC columns, nothing else, as in the source."""
    return Table(
        name.name, MetaData(), *(Column(column, Numeric) for column in COLUMNS), schema=name.schema
    )


def rows(table: Table, periods: Sequence[Period] | None) -> Select[Any]:
    """All rows of these periods; with None, of the whole table."""
    return _in(periods, table, select(*table.c))


def no_rows(table: Table) -> Select[Any]:
    """A query that reads nothing and fails where the table or one of its columns is missing."""
    return select(*table.c).where(table.c.id.is_(None), table.c.id.is_not(None))


def counts(table: Table) -> Select[Any]:
    """One row a period: year, month, rows."""
    return _by_period(table, func.count())


def control_totals(table: Table, periods: Sequence[Period] | None) -> Select[Any]:
    """One row a period: year, month, rows, then each column's non-null count, then each's sum."""
    return _in(periods, table, _by_period(table, *_control_totals(table)))


def digests(table: Table) -> Select[Any]:
    """What `totals` returns, then the sums that make the digest. In Oracle's SQL.

    ORA_HASH of a concatenation is Oracle's documented use. TM9 writes every digit of a NUMBER,
    which an implicit conversion would round; '~' tells NULL from nothing, '|' 1,23 from 12,3.
    """
    text = _joined(
        func.nvl(func.to_char(column, "TM9", "NLS_NUMERIC_CHARACTERS='.,'"), "~")
        for column in table.c
    )
    hashes = (func.sum(func.ora_hash(text, _ORA_HASH_BUCKETS, seed)) for seed in _DIGEST_SEEDS)
    return _by_period(table, *_control_totals(table), *hashes)


def repeated_ids(table: Table) -> Select[Any]:
    """One number: the rows whose id another row has already."""
    return select(func.count(table.c.id) - func.count(table.c.id.distinct()))


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


def read_counts(result: Iterable[Numbers]) -> dict[Period, int]:
    """What `counts` returned."""
    return {_period(row): int(row[2] or 0) for row in result}


def read_control_totals(result: Iterable[Numbers]) -> dict[Period, ControlTotals]:
    """What `totals` returned, from either database."""
    return {_period(row): _read_control_totals(row) for row in result}


def read_digests(result: Iterable[Numbers]) -> dict[Period, PeriodDigest]:
    """What `digests` returned."""
    hashes = slice(3 + 2 * len(COLUMNS), None)
    return {
        _period(row): PeriodDigest(
            totals=_read_control_totals(row), digest=":".join(str(number) for number in row[hashes])
        )
        for row in result
    }


def _by_period(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    year, month = table.c.target_year, table.c.target_month
    return select(year, month, *columns).group_by(year, month)


def _control_totals(table: Table) -> Iterator[ColumnElement[Any]]:
    yield func.count()
    yield from (func.count(column) for column in table.c)
    yield from (func.sum(column) for column in table.c)


def _joined(texts: Iterable[ColumnElement[Any]]) -> ColumnElement[Any]:
    first, *others = texts
    joined: ColumnElement[Any] = first
    for each in others:
        joined = joined.concat(literal("|", String)).concat(each)
    return joined


def _in(periods: Sequence[Period] | None, table: Table, statement: Select[Any]) -> Select[Any]:
    return statement if periods is None else statement.where(in_periods(table, periods))


def _one_of(column: Column[Any], values: Sequence[Decimal | None]) -> ColumnElement[bool]:
    known = [value for value in values if value is not None]
    conditions = [column.in_(known)] if known else []
    return or_(*conditions, column.is_(None)) if None in values else conditions[0]


def _period(row: Numbers) -> Period:
    return Period(_decimal(row[0]), _decimal(row[1]))


def _read_control_totals(row: Numbers) -> ControlTotals:
    first_sum = 3 + len(COLUMNS)
    counts, sums = row[3:first_sum], row[first_sum : first_sum + len(COLUMNS)]
    return ControlTotals(
        rows=int(row[2] or 0),
        non_null={name: int(n or 0) for name, n in zip(COLUMNS, counts, strict=True)},
        sums={name: _decimal(total) for name, total in zip(COLUMNS, sums, strict=True)},
    )


def _decimal(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
