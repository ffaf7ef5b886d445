"""`runs`: shows the last runs on record."""

import click

from etl_sales_target import services
from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.postgres.ledger import Ledger
from etl_sales_target.reporting import render
from etl_sales_target.services import Services


@click.command()
@click.option("--last", default=20, type=click.IntRange(min=1), help="How many; 20 by default.")
def runs(*, last: int) -> None:
    """Show the last runs, from the ledger."""
    opened = Services.read(*services.begin())
    with opened.open_postgres() as session:
        ledger = Ledger(session, opened.settings.definition.target)
        if not ledger.exists():
            raise NotFoundError("There is no ledger yet.", remedy="The first `run` makes it.")
        found = ledger.last_runs(last)
    click.echo(render.runs(found))
