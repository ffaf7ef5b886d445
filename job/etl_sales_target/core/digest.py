"""The digest: what Oracle computes of each period in one scan; it tells changed rows.

Two digests of different rows are equal only where two 32-bit hashes of them collide at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, Table, func, literal

from etl_sales_target.core import control_totals
from etl_sales_target.core.columns import COLUMNS
from etl_sales_target.core.control_totals import ControlTotals
from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import Numbers, by_period, read_period

# Raise it whenever `statement` computes another digest of the same rows.
VERSION = 1

_SEEDS = (1, 2)
_ORA_HASH_BUCKETS = 4294967295


@dataclass(frozen=True, slots=True)
class PeriodDigest:
    """What the source's snapshot holds in one period."""

    totals: ControlTotals
    digest: str


def version(definition: TableDefinition) -> str:
    """What makes two digests comparable: the way they are computed, the table, its columns."""
    return f"{VERSION} {definition.source} ({', '.join(definition.columns)})"


def statement(table: Table) -> Select[Any]:
    """One row per period: its control totals, then the sums that make the digest. Oracle's SQL.

    ORA_HASH of a concatenation is Oracle's documented use. TM9 writes every digit of a NUMBER,
    which an implicit conversion would round; '~' tells NULL from nothing, '|' 1,23 from 12,3.
    """
    text = _joined(
        func.nvl(func.to_char(column, "TM9", "NLS_NUMERIC_CHARACTERS='.,'"), "~")
        for column in table.c
    )
    hashes = (func.sum(func.ora_hash(text, _ORA_HASH_BUCKETS, seed)) for seed in _SEEDS)
    return by_period(table, *control_totals.aggregates(table), *hashes)


def read(result: Iterable[Numbers]) -> dict[Period, PeriodDigest]:
    """What `statement` returned."""
    hashes = slice(3 + 2 * len(COLUMNS), None)
    return {
        read_period(row): PeriodDigest(
            totals=control_totals.read_row(row),
            digest=":".join(str(number) for number in row[hashes]),
        )
        for row in result
    }


def _joined(texts: Iterable[ColumnElement[Any]]) -> ColumnElement[Any]:
    first, *others = texts
    joined: ColumnElement[Any] = first
    for each in others:
        joined = joined.concat(literal("|", String)).concat(each)
    return joined
