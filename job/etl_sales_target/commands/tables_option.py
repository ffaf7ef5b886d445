"""The option `--table` of all commands: which of the definitions to take."""

from collections.abc import Sequence

import click

from etl_sales_target import services
from etl_sales_target.config.settings import Settings
from etl_sales_target.core.definitions import TableDefinition

table_option = click.option(
    "--table",
    "tables",
    multiple=True,
    metavar="TARGET",
    help="Take only the table with this target, such as mb.sales_target; can be repeated.",
)


def selected(settings: Settings, targets: Sequence[str]) -> Sequence[TableDefinition]:
    """The definitions of these targets, in the order of the file; all if none is named.

    Raises click's BadParameter for a target that no definition has.
    """
    definitions = services.definitions(settings)
    known = {str(definition.target): definition for definition in definitions}
    for target in targets:
        if target.lower() not in known:
            raise click.BadParameter(
                f"{target} is not among the targets: {', '.join(known)}.", param_hint="'--table'"
            )
    wanted = {target.lower() for target in targets} or known.keys()
    return [definition for target, definition in known.items() if target in wanted]


def headline(definition: TableDefinition, among: Sequence[TableDefinition]) -> str:
    """A line with the target's name, if more than one table is printed."""
    return f"{definition.target}\n" if len(among) > 1 else ""
