"""`verify`: whether source and target are equal now. Writes nothing that stays."""

from collections.abc import Sequence
from contextlib import closing

import click
import structlog
from sqlalchemy.schema import CreateTable

from etl_sales_target import services
from etl_sales_target.commands.tables_option import headline, selected, table_option
from etl_sales_target.core.control_totals import total_rows
from etl_sales_target.core.copy_format import Encoder
from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.core.names import TableName
from etl_sales_target.core.reconciliation import (
    RowDifference,
    Verification,
    VerifyError,
    compare,
)
from etl_sales_target.core.statements import SqlTable, rows_not_in
from etl_sales_target.oracle.source import Source
from etl_sales_target.postgres.session import PostgresSession
from etl_sales_target.postgres.target import Target
from etl_sales_target.reporting import render
from etl_sales_target.run import each_table
from etl_sales_target.runtime import progress
from etl_sales_target.services import Services

log = structlog.get_logger()

_SHOWN_ROWS = 20
_SOURCE_ROWS = TableName("pg_temp", "etl_sales_target_source_rows")


@click.command()
@click.option("--rows", is_flag=True, help="Compare row by row, not only control totals.")
@table_option
def verify(*, rows: bool, tables: Sequence[str]) -> None:
    """Compare source and target as they are now; exit code 65 where they differ."""
    settings, run_id = services.begin()
    definitions = selected(settings, tables)
    opened = Services.read(settings, run_id)

    def compare_one(definition: TableDefinition) -> None:
        with opened.open_postgres() as session, opened.open_source(definition) as source:
            found = compare_tables(source, session, rows=rows)
        click.echo(headline(definition, definitions) + render.verification(found))
        if not found.is_equal:
            raise VerifyError(
                f"Source and target differ: {definition.target}.",
                remedy="`run` repairs what changed in the source, `run --full` everything.",
            )

    each_table(definitions, compare_one)


def compare_tables(source: Source, session: PostgresSession, *, rows: bool) -> Verification:
    """Compares every period's control totals and, where asked, every row.

    Reads a second time before it says that they differ: a load or an edit may have come between
    the two snapshots.
    """
    target = Target(session, source.layout)
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
    layout = source.layout
    mismatches = compare(
        expected, target_totals, columns=layout.columns, magnitudes=target.magnitudes
    )
    if rows:
        total = total_rows(source_totals.values())
        differences = _compare_rows(source, session, target, total)
    session.rollback()
    return Verification(
        columns=layout.names,
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
    these, those = SqlTable(_SOURCE_ROWS, source.layout), SqlTable(target.name, source.layout)
    session.execute(CreateTable(these.table))
    with closing(source.batches(None)) as batches:
        session.copy(
            these.table,
            progress.track(batches, total_rows=total),
            Encoder(source.layout.columns),
        )
    session.analyze(these.table)
    return _difference(session, these, those), _difference(session, those, these)


def _difference(session: PostgresSession, these: SqlTable, those: SqlTable) -> RowDifference:
    found = session.execute(rows_not_in(these, those, _SHOWN_ROWS)).all()
    return RowDifference(found[0][0], [row[1:] for row in found]) if found else RowDifference()
