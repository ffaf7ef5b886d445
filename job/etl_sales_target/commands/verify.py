"""`verify`: whether source and target are equal now. Writes nothing that stays."""

from contextlib import closing
from typing import Any

import click
import structlog
from sqlalchemy import Select, Table, func, over, select
from sqlalchemy.schema import CreateTable

from etl_sales_target import services
from etl_sales_target.core import statements
from etl_sales_target.core.control_totals import total_rows
from etl_sales_target.core.names import TableName
from etl_sales_target.core.reconciliation import (
    RowDifference,
    Verification,
    VerifyError,
    compare,
)
from etl_sales_target.oracle.source import Source
from etl_sales_target.postgres.session import PostgresSession
from etl_sales_target.postgres.target import Target
from etl_sales_target.reporting import render
from etl_sales_target.runtime import progress
from etl_sales_target.services import Services

log = structlog.get_logger()

_SHOWN_ROWS = 20
_SOURCE_ROWS = TableName("pg_temp", "etl_sales_target_source_rows")


@click.command()
@click.option("--rows", is_flag=True, help="Compare row by row, not only control totals.")
def verify(*, rows: bool) -> None:
    """Compare source and target as they are now; exit code 65 where they differ."""
    opened = Services.read(*services.begin())
    with opened.open_postgres() as session, opened.open_source() as source:
        target = Target(session, opened.settings.definition.target)
        found = compare_tables(source, session, target, rows=rows)
    click.echo(render.verification(found))
    if not found.is_equal:
        raise VerifyError(
            "Source and target differ.",
            remedy="`run` reloads what changed in the source, `run --full` everything.",
        )


def compare_tables(
    source: Source, session: PostgresSession, target: Target, *, rows: bool
) -> Verification:
    """Compares every period's control totals and, where asked, every row.

    Reads a second time before it says that they differ: a load or an edit may have come between
    the two snapshots.
    """
    target.check_columns()
    session.rollback()
    found = _compare(source, session, target, rows=rows)
    if not found.is_equal:
        log.warning("difference_found", hint="reading both sides once more")
        found = _compare(source, session, target, rows=rows)
    return found


def _compare(
    source: Source, session: PostgresSession, target: Target, *, rows: bool
) -> Verification:
    session.begin_snapshot(read_only=not rows)
    # Fixes the snapshot of both sides as close to each other as can be.
    target_totals = target.control_totals()
    source.begin_snapshot()
    source_totals = source.control_totals()
    periods = sorted({*source_totals, *target_totals}, key=lambda period: period.sort_key)
    expected = {period: source_totals.get(period) for period in periods}
    differences: tuple[RowDifference | None, RowDifference | None] = (None, None)
    mismatches = compare(expected, target_totals, target.magnitudes)
    if rows:
        total = total_rows(source_totals.values())
        differences = _compare_rows(source, session, target, total)
    session.rollback()
    return Verification(
        periods=len(expected),
        rows=total_rows(target_totals.values()),
        mismatches=mismatches,
        only_in_source=differences[0],
        only_in_target=differences[1],
    )


def _compare_rows(
    source: Source, session: PostgresSession, target: Target, total: int
) -> tuple[RowDifference, RowDifference]:
    """Streams the source into a temporary table, and takes the difference both ways."""
    source_rows = statements.describe(_SOURCE_ROWS)
    session.execute(CreateTable(source_rows))
    with closing(source.batches(None)) as batches:
        session.copy(source_rows, progress.track(batches, total_rows=total))
    session.analyze(source_rows)
    return (
        _difference(session, source_rows, target.table),
        _difference(session, target.table, source_rows),
    )


def _difference(session: PostgresSession, these: Table, those: Table) -> RowDifference:
    found = session.execute(_not_in(these, those)).all()
    return RowDifference(found[0][0], [row[1:] for row in found]) if found else RowDifference()


def _not_in(these: Table, those: Table) -> Select[Any]:
    """How many rows of `these` are not in `those`, as multisets, and the first of them."""
    missing = select(*these.c).except_all(select(*those.c)).subquery()
    return (
        select(over(func.count()), *missing.c)
        .order_by(missing.c.target_year, missing.c.target_month, missing.c.id)
        .limit(_SHOWN_ROWS)
    )
