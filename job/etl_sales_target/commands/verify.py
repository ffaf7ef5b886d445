"""`verify`: whether source and target are equal now. Writes nothing that stays."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Select, Table, func, over, select
from sqlalchemy.schema import CreateTable

from etl_sales_target.core import statements as tables
from etl_sales_target.core.errors import DataError
from etl_sales_target.core.periods import TableName, total_rows
from etl_sales_target.core.reconciliation import Mismatch, compare
from etl_sales_target.oracle.source import Source
from etl_sales_target.postgres.session import Postgres
from etl_sales_target.postgres.target import Target
from etl_sales_target.runtime.progress import Progress

log = structlog.get_logger()

_SHOWN_ROWS = 20
_SOURCE_ROWS = TableName("pg_temp", "etl_sales_target_source_rows")


class VerifyError(DataError):
    """Source and target are not equal."""


@dataclass(frozen=True)
class RowDifference:
    """Rows that one side has and the other has not: how many, and the first twenty."""

    count: int = 0
    rows: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True)
class Verification:
    """What a comparison found. The row differences are None where only totals were compared."""

    periods: int
    rows: int
    mismatches: Sequence[Mismatch]
    only_in_source: RowDifference | None = None
    only_in_target: RowDifference | None = None

    @property
    def is_equal(self) -> bool:
        """Whether no difference was found."""
        differences = (self.only_in_source, self.only_in_target)
        return not self.mismatches and not any(each and each.count for each in differences)


def verify(source: Source, postgres: Postgres, target: Target, *, rows: bool) -> Verification:
    """Compares every period's totals and, where asked, every row.

    Reads a second time before it says that they differ: a load or an edit may have come between
    the two snapshots.
    """
    target.check()
    postgres.rollback()
    found = _compare(source, postgres, target, rows=rows)
    if not found.is_equal:
        log.warning("difference_found", hint="reading both sides once more")
        found = _compare(source, postgres, target, rows=rows)
    return found


def _compare(source: Source, postgres: Postgres, target: Target, *, rows: bool) -> Verification:
    postgres.begin_snapshot(read_only=not rows)
    # Fixes the snapshot of both sides as close to each other as can be.
    target_totals = target.control_totals()
    source.begin_snapshot()
    source_totals = source.control_totals()
    periods = sorted({*source_totals, *target_totals}, key=lambda period: period.sort_key)
    expected = {period: source_totals.get(period) for period in periods}
    differences: tuple[RowDifference | None, RowDifference | None] = (None, None)
    if rows:
        total = total_rows(source_totals.values())
        differences = _compare_rows(source, postgres, target, total)
    postgres.rollback()
    return Verification(
        periods=len(expected),
        rows=total_rows(target_totals.values()),
        mismatches=list(compare(expected, target_totals)),
        only_in_source=differences[0],
        only_in_target=differences[1],
    )


def _compare_rows(
    source: Source, postgres: Postgres, target: Target, total: int
) -> tuple[RowDifference, RowDifference]:
    """Streams the source into a temporary table, and takes the difference both ways."""
    source_rows = tables.describe(_SOURCE_ROWS)
    postgres.execute(CreateTable(source_rows))
    with Progress(total=total) as progress, closing(source.batches(None)) as batches:
        postgres.copy(source_rows, batches, progress.add)
    postgres.analyze(source_rows)
    return (
        _difference(postgres, source_rows, target.table),
        _difference(postgres, target.table, source_rows),
    )


def _difference(postgres: Postgres, these: Table, those: Table) -> RowDifference:
    found = postgres.execute(_not_in(these, those)).all()
    return RowDifference(found[0][0], [row[1:] for row in found]) if found else RowDifference()


def _not_in(these: Table, those: Table) -> Select[Any]:
    """How many rows of `these` are not in `those`, as multisets, and the first of them."""
    missing = select(*these.c).except_all(select(*those.c)).subquery()
    return (
        select(over(func.count()), *missing.c)
        .order_by(missing.c.target_year, missing.c.target_month, missing.c.id)
        .limit(_SHOWN_ROWS)
    )
