"""`backfill`: reads some months again, changed or not."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from etl_sales_target.commands.run import (
    allow_shrink_option,
    dry_run_option,
    execute,
    report_option,
)
from etl_sales_target.commands.tables_option import table_option
from etl_sales_target.core.periods import MonthRange
from etl_sales_target.core.plan import LoadRequest, Mode


class Month(click.ParamType[tuple[int, int]]):
    """A calendar month, written YYYY-MM."""

    name = "YYYY-MM"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Fails with a usage error where the month is invalid."""
        match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", value)
        if not match:
            self.fail(f"{value!r} is not a month such as 2024-01.", param, ctx)
        return int(match[1]), int(match[2])


@click.command()
@click.option("--from", "first", type=Month(), required=True, help="The first month.")
@click.option("--to", "last", type=Month(), required=True, help="The last month, inclusive.")
@table_option
@dry_run_option
@allow_shrink_option
@report_option
def backfill(
    *,
    first: tuple[int, int],
    last: tuple[int, int],
    tables: Sequence[str],
    dry_run: bool,
    allow_shrink: bool,
    report_file: Path | None,
) -> None:
    """Read the months --from to --to again, both inclusive; write the rows that differ."""
    if last < first:
        raise click.BadParameter("it is before --from.", param_hint="'--to'")
    request = LoadRequest(Mode.BACKFILL, MonthRange(first, last), allow_shrink=allow_shrink)
    execute(request, tables, dry_run=dry_run, report_file=report_file)
