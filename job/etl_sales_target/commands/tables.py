"""`tables`: the table definitions as the job understands them, with the types of both sides."""

import json
from collections.abc import Sequence

import click

from etl_sales_target import services
from etl_sales_target.commands.tables_option import selected, table_option
from etl_sales_target.core.definitions import TableDefinition, TableLayout
from etl_sales_target.postgres.target import Target
from etl_sales_target.reporting import render
from etl_sales_target.run import each_table
from etl_sales_target.services import Services


@click.command()
@table_option
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document per table, one per line."
)
def tables(*, tables: Sequence[str], as_json: bool) -> None:
    """Show the table definitions as the job understands them, with the types of both sides."""
    settings, run_id = services.begin()
    definitions = selected(settings, tables)
    opened = Services.read(settings, run_id)

    def show(definition: TableDefinition) -> None:
        session.rollback()  # of what failed for the table before it
        layout = opened.source(oracle, definition).layout
        target_types = Target(session, layout).column_types()
        if as_json:
            click.echo(json.dumps(_as_json(layout, target_types)))
        else:
            click.echo(f"{render.table(layout, target_types)}\n")

    with opened.open_postgres() as session, opened.open_oracle() as oracle:
        each_table(definitions, show)


def _as_json(layout: TableLayout, target_types: dict[str, str]) -> dict[str, object]:
    """`target_type` is what the target has; null if it does not have the column yet."""
    definition = layout.definition
    return {
        "source": str(definition.source),
        "target": str(definition.target),
        "period": vars(definition.period) if definition.period else None,
        "key": definition.key,
        "history": definition.history,
        "load_columns": definition.load_columns,
        "columns": [
            {
                "name": column.name,
                "source_type": column.type.source,
                "needed_type": column.type.target,
                "target_type": target_types.get(column.name),
            }
            for column in layout.columns
        ],
    }
