"""`changes`: shows the change history: which rows changed, by which run."""

import datetime
import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import click

from etl_sales_target import services
from etl_sales_target.commands.tables_option import selected, table_option
from etl_sales_target.core.changes import ChangeFilter, RowChange, paired
from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.postgres.changes import ChangeLog
from etl_sales_target.reporting import render
from etl_sales_target.run import each_table
from etl_sales_target.services import Services

_RUN = click.IntRange(1, 2**63 - 1)
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@table_option
@click.option("--run", type=_RUN, help="Only the changes of this run's number.")
@click.option(
    "--since", type=_TIME, metavar="TIME", help="Only changes seen at this time (UTC) or later."
)
@click.option("--until", type=_TIME, metavar="TIME", help="Only changes seen before this time.")
@click.option(
    "--key",
    multiple=True,
    metavar="VALUE",
    help="Only the row with this key; repeat it for each column of the key.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help="At most so many changed rows of each table, the latest first; 100 by default, all with "
    "--json.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document per changed row.")
def changes(
    *,
    tables: Sequence[str],
    run: int | None,
    since: datetime.datetime | None,
    until: datetime.datetime | None,
    key: Sequence[str],
    limit: int | None,
    as_json: bool,
) -> None:
    """Show which rows changed: from the change history, the latest run first."""
    settings, run_id = services.begin()
    definitions = selected(settings, tables)
    _check_key(key, definitions)
    opened = Services.read(settings, run_id)
    wanted = ChangeFilter(run=run, since=_utc(since), until=_utc(until), key=key)

    def show(definition: TableDefinition) -> None:
        session.rollback()  # of what failed for the table before it
        change_log = ChangeLog(session, definition)
        found = paired(_read(change_log, wanted), change_log.key, change_log.columns)
        if as_json:
            for change in islice(found, limit):
                click.echo(json.dumps(_as_json(definition, change), default=_text))
        else:
            for text in render.changes(definition, change_log.columns, found, limit or 100):
                click.echo(text)

    with opened.open_postgres() as session:
        each_table(definitions, show)


def _check_key(key: Sequence[str], definitions: Sequence[TableDefinition]) -> None:
    if not key:
        return
    if len(definitions) > 1:
        raise click.BadParameter("Name one table with --table.", param_hint="'--key'")
    columns = definitions[0].key
    if len(key) > len(columns):
        named = ", ".join(columns) or "none"
        raise click.BadParameter(
            f"The key of {definitions[0].target} is {named}.", param_hint="'--key'"
        )


def _utc(time: datetime.datetime | None) -> datetime.datetime | None:
    return time.replace(tzinfo=datetime.UTC) if time else None


def _read(change_log: ChangeLog, wanted: ChangeFilter) -> Iterable[dict[str, Any]]:
    try:
        return change_log.read(wanted)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="'--key'") from None


def _as_json(definition: TableDefinition, change: RowChange) -> dict[str, Any]:
    return {
        "target_table": str(definition.target),
        "run_number": change.run,
        "change_from": change.since,
        "change_to": change.until,
        "reason": change.reason,
        "old": change.old,
        "new": change.new,
    }


def _text(value: object) -> str:
    """Numbers as text too: a JSON reader would round them."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return f"{value:f}" if hasattr(value, "as_tuple") else str(value)
