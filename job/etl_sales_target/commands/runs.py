"""`runs`: shows the last runs on record."""

from collections.abc import Sequence

import click

from etl_sales_target import services
from etl_sales_target.commands.tables_option import headline, selected, table_option
from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.postgres.ledger import Ledger
from etl_sales_target.reporting import render
from etl_sales_target.run import each_table
from etl_sales_target.services import Services


@click.command()
@table_option
@click.option(
    "--last",
    default=20,
    type=click.IntRange(min=1),
    help="How many runs of each table; 20 by default.",
)
def runs(*, tables: Sequence[str], last: int) -> None:
    """Show the last runs, from the ledger."""
    settings, run_id = services.begin()
    definitions = selected(settings, tables)
    opened = Services.read(settings, run_id)

    def show(definition: TableDefinition) -> None:
        session.rollback()  # of what failed for the table before it
        ledger = Ledger(session, definition.target)
        if not ledger.layout.exists():
            raise NotFoundError(
                f"There is no ledger in the schema {definition.target.schema} yet.",
                remedy="The first `run` creates it.",
            )
        found = ledger.last_runs(last)
        click.echo(headline(definition, definitions) + render.runs(found))

    with opened.open_postgres() as session:
        each_table(definitions, show)
