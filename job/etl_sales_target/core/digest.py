"""The digest: what Oracle computes of each period in one scan; it tells changed rows.

It is two sums, over the rows of a period, of a 32-bit hash of the whole row. The second has another
seed, takes the columns in reverse order and each text rotated by a character, so that rows which
collide in one do not by the same reason in the other, however dependent the seeds of ORA_HASH are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, func, literal

from etl_sales_target.core import control_totals
from etl_sales_target.core.columns import Column, Kind
from etl_sales_target.core.control_totals import ControlTotals
from etl_sales_target.core.definitions import TableDefinition, TableLayout
from etl_sales_target.core.expressions import CivilDigits
from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import SqlTable, Values, by_period, read_period

# Raise it whenever `statement` computes another digest of the same rows.
VERSION = 2

_SEEDS = (1, 2)
_ORA_HASH_BUCKETS = 4294967295

# What a concatenation may hold is 4,000 bytes: so many columns, each of at most 64 characters and a
# separator (the longest is a NUMBER; a text enters by its hash).
_COLUMNS_A_GROUP = 60


@dataclass(frozen=True, slots=True)
class PeriodDigest:
    """What the source's snapshot holds in one period."""

    totals: ControlTotals
    digest: str


def version(layout: TableLayout) -> str:
    """What makes two digests comparable: how they are computed, the table, its columns, periods."""
    definition = layout.definition
    return f"{VERSION} {definition.source} ({', '.join(layout.names)}) {_periods(definition)}"


def _periods(definition: TableDefinition) -> str:
    return f"by {', '.join(definition.period.columns)}" if definition.period else "whole"


def statement(sql: SqlTable) -> Select[Any]:
    """One row per period: its control totals, then the sums that make the digest. Oracle's SQL."""
    columns = list(sql)
    hashes = (
        func.sum(_row_hash(columns, seed=_SEEDS[0], rotated=False)),
        func.sum(_row_hash(columns[::-1], seed=_SEEDS[1], rotated=True)),
    )
    return by_period(sql, *control_totals.aggregates(sql), *hashes)


def read(result: Iterable[Values], layout: TableLayout) -> dict[Period, PeriodDigest]:
    """What `statement` returned."""
    hashes = slice(control_totals.width(layout), None)
    return {
        read_period(row, layout): PeriodDigest(
            totals=control_totals.read_row(row, layout),
            digest=":".join(str(number) for number in row[hashes]),
        )
        for row in result
        if row[2]
    }


def width(layout: TableLayout) -> int:
    """How many values a row of `statement` has."""
    return control_totals.width(layout) + len(_SEEDS)


def _row_hash(
    columns: Sequence[tuple[Column, ColumnElement[Any]]], *, seed: int, rotated: bool
) -> ColumnElement[Any]:
    """ORA_HASH of a concatenation is Oracle's documented use; groups are hashed again."""
    texts = [_text(column, value, seed=seed, rotated=rotated) for column, value in columns]
    starts = range(0, len(texts), _COLUMNS_A_GROUP)
    hashes = [_hash(_joined(texts[start : start + _COLUMNS_A_GROUP]), seed) for start in starts]
    return hashes[0] if len(hashes) == 1 else _hash(_joined(map(func.to_char, hashes)), seed)


def _text(
    column: Column, value: ColumnElement[Any], *, seed: int, rotated: bool
) -> ColumnElement[Any]:
    """A column's part of a row: '~' tells NULL from nothing, as no value is written so.

    TM9 writes every digit of a NUMBER, which an implicit conversion would round.
    """
    match column.type.kind:
        case Kind.NUMBER:
            text: ColumnElement[Any] = func.to_char(value, "TM9", "NLS_NUMERIC_CHARACTERS='.,'")
        case Kind.DATETIME:
            text = CivilDigits(value, column.type.fraction_digits)
        case Kind.TEXT:
            given = func.substr(value, 2).concat(func.substr(value, 1, 1)) if rotated else value
            return case((value.is_(None), "~"), else_=func.to_char(_hash(given, seed)))
    return func.nvl(text, "~")


def _hash(value: ColumnElement[Any], seed: int) -> ColumnElement[Any]:
    return func.ora_hash(value, _ORA_HASH_BUCKETS, seed)


def _joined(texts: Iterable[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The texts with '|' between them, which tells 1,23 from 12,3."""
    first, *others = texts
    joined = first
    for each in others:
        joined = joined.concat(literal("|", String)).concat(each)
    return joined
