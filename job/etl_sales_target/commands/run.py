"""`run`: makes the targets equal to their sources."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from etl_sales_target import load, services
from etl_sales_target.commands.tables_option import headline, selected, table_option
from etl_sales_target.core import guards
from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.core.plan import LoadRequest, Mode
from etl_sales_target.reporting import render
from etl_sales_target.reporting.deliver import STDOUT, ReportWriter
from etl_sales_target.run import each_table, run_tables
from etl_sales_target.services import Services


class ReportFile(click.Path):
    """A file that can be written: found out before the run, not after it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, allow_dash=True, path_type=Path)

    def convert(
        self,
        value: "str | os.PathLike[str]",
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """Fails with a usage error where it cannot."""
        file = Path(str(super().convert(value, param, ctx)))
        # click has looked at a file that exists; a new one needs a folder.
        if file != STDOUT and not os.path.exists(file) and not os.access(file.parent, os.W_OK):  # noqa: PTH110
            self.fail(f"The folder {file.parent} cannot be written.", param, ctx)
        return file


dry_run_option = click.option("--dry-run", is_flag=True, help="Print the plan; write nothing.")
allow_shrink_option = click.option(
    "--allow-shrink", is_flag=True, help="Load even if the source lost most of its rows."
)
report_option = click.option(
    "--report",
    "report_file",
    type=ReportFile(),
    metavar="FILE",
    help="Write the run's report to FILE, as JSON; - is standard output.",
)


@click.command()
@click.option(
    "--full",
    is_flag=True,
    help="Read every period, also those that did not change; write the rows that differ.",
)
@table_option
@dry_run_option
@allow_shrink_option
@report_option
def run(
    *,
    full: bool,
    tables: Sequence[str],
    dry_run: bool,
    allow_shrink: bool,
    report_file: Path | None,
) -> None:
    """Make the targets equal to their sources: write the rows that differ."""
    request = LoadRequest(Mode.FULL if full else Mode.RUN, allow_shrink=allow_shrink)
    execute(request, tables, dry_run=dry_run, report_file=report_file)


def execute(
    request: LoadRequest, tables: Sequence[str], *, dry_run: bool, report_file: Path | None
) -> None:
    """Loads what is asked for, or prints the plan."""
    if dry_run and report_file:
        raise click.UsageError("A dry run leaves no report.")
    settings, run_id = services.begin()
    definitions = selected(settings, tables)
    if request.months:
        _require_periods(definitions)
    if dry_run:
        _print_plans(Services.read(settings, run_id), request, definitions)
    else:
        writer = ReportWriter(report_file, tables=len(definitions))
        run_tables(settings, run_id, request, definitions, writer)


def _require_periods(definitions: Sequence[TableDefinition]) -> None:
    """Raises click's UsageError for a table without months: a backfill is of months."""
    for definition in definitions:
        if definition.period is None:
            raise click.UsageError(
                f"{definition.target} is not divided into months: name the other tables with "
                "--table, and use `run --full` for this one."
            )


def _print_plans(
    services: Services, request: LoadRequest, definitions: Sequence[TableDefinition]
) -> None:
    def print_plan(definition: TableDefinition) -> None:
        with services.open_postgres() as session, services.open_source(definition) as source:
            plan = load.preview(session, source, request)
        click.echo(headline(definition, definitions) + render.plan(plan))
        if not request.allow_shrink:
            guards.check_shrink(plan, services.settings.max_shrink_percent)

    each_table(definitions, print_plan)
