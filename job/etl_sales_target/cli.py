"""The command `etl-sales-target`. The one place where errors become exit codes."""

import datetime
import faulthandler
import gc
import os
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog

from etl_sales_target.core.errors import JobError
from etl_sales_target.reporting import termination
from etl_sales_target.runtime import logs, signals

if TYPE_CHECKING:
    from etl_sales_target.config.settings import Settings
    from etl_sales_target.core.plan import LoadRequest
    from etl_sales_target.run import Job

log = structlog.get_logger()

_USAGE_EXIT_CODE = 2
# More objects than the imports and a batch of rows make.
_GC_THRESHOLD = 100_000


class Month(click.ParamType[tuple[int, int]]):
    """A calendar month, written YYYY-MM."""

    name = "YYYY-MM"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Fails with a usage error where it is no month."""
        match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", value)
        if not match:
            self.fail(f"{value!r} is not a month such as 2024-01.", param, ctx)
        return int(match[1]), int(match[2])


class _ReportFile(click.Path):
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
        if not os.access(file.parent, os.W_OK):
            self.fail(f"The folder {file.parent} cannot be written.", param, ctx)
        return file


_dry_run = click.option("--dry-run", is_flag=True, help="Print the plan; write nothing.")
_allow_shrink = click.option(
    "--allow-shrink", is_flag=True, help="Load even if the source lost most of its rows."
)
_report = click.option(
    "--report",
    "report_file",
    type=_ReportFile(),
    metavar="FILE",
    help="Write the run's report to FILE, as JSON; - is standard output.",
)


def _print_versions(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if not value:
        return
    from etl_sales_target.commands import versions  # noqa: PLC0415

    for line in versions.lines():
        click.echo(line)
    ctx.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_versions,
    help="Print the versions of the job, the driver and Oracle's client library.",
)
def cli() -> None:
    """Keeps a PostgreSQL table equal to an Oracle table.

    Connections and settings come from the environment; see the README.
    """


@cli.command()
@click.option("--full", is_flag=True, help="Reload every period, also those that did not change.")
@_dry_run
@_allow_shrink
@_report
def run(*, full: bool, dry_run: bool, allow_shrink: bool, report_file: Path | None) -> None:
    """Makes the target equal to the source, by reloading the periods that differ."""
    from etl_sales_target.core.plan import LoadRequest  # noqa: PLC0415

    mode = "full" if full else "run"
    request = LoadRequest(mode, force=full, allow_shrink=allow_shrink)
    _load(request, dry_run=dry_run, report_file=report_file)


@cli.command()
@click.option("--from", "first", type=Month(), required=True, help="The first month.")
@click.option("--to", "last", type=Month(), required=True, help="The last month, inclusive.")
@_dry_run
@_allow_shrink
@_report
def backfill(
    *,
    first: tuple[int, int],
    last: tuple[int, int],
    dry_run: bool,
    allow_shrink: bool,
    report_file: Path | None,
) -> None:
    """Reloads the months --from to --to, both inclusive, whatever the digests say."""
    from etl_sales_target.core.periods import MonthRange  # noqa: PLC0415
    from etl_sales_target.core.plan import LoadRequest  # noqa: PLC0415

    if last < first:
        raise click.BadParameter("it is before --from.", param_hint="'--to'")
    request = LoadRequest(
        "backfill", MonthRange(first, last), force=True, allow_shrink=allow_shrink
    )
    _load(request, dry_run=dry_run, report_file=report_file)


def _load(request: "LoadRequest", *, dry_run: bool, report_file: Path | None) -> None:
    if dry_run:
        if report_file:
            raise click.UsageError("A dry run leaves no report.")
        _print_plan(request)
        return
    from etl_sales_target import run as job  # noqa: PLC0415

    job.load(*_settings(), request, report_file)


def _print_plan(request: "LoadRequest") -> None:
    from etl_sales_target.reporting import render as tabular  # noqa: PLC0415

    job = _job()
    plan = job.preview(request)
    click.echo(tabular.plan(plan))
    if not request.allow_shrink:
        job.guard(plan)


@cli.command()
def check() -> None:
    """Tries everything that a run needs; a line each, with its remedy."""
    failures = []
    for result in _job().check():
        click.echo(result)
        if result.error:
            failures.append(result.error)
    if failures:
        raise click.exceptions.Exit(failures[0].exit_code)


@cli.command()
@click.option("--rows", is_flag=True, help="Compare row by row, not only counts and sums.")
def verify(*, rows: bool) -> None:
    """Compares source and target as they are now; exit code 65 where they differ."""
    from etl_sales_target.commands.verify import VerifyError  # noqa: PLC0415
    from etl_sales_target.reporting import render as tabular  # noqa: PLC0415

    verification = _job().verify(rows=rows)
    click.echo(tabular.verification(verification))
    if not verification.is_equal:
        raise VerifyError(
            "Source and target differ.",
            remedy="`run` reloads what changed in the source, `run --full` everything.",
        )


@cli.command()
@click.option("--last", default=20, type=click.IntRange(min=1), help="How many; 20 by default.")
def runs(*, last: int) -> None:
    """Shows the last runs, from the ledger."""
    from etl_sales_target.reporting import render as tabular  # noqa: PLC0415

    click.echo(tabular.runs(_job().last_runs(last)))


def _job() -> "Job":
    # Here, as above, not at the top: --help and a wrong option need not wait for the drivers.
    from etl_sales_target.run import Job  # noqa: PLC0415

    return Job.read(*_settings())


def _settings() -> tuple["Settings", str]:
    """The settings, and the id of this command, which stands on every line of its log."""
    from etl_sales_target.config.settings import Settings  # noqa: PLC0415

    settings = Settings.read()
    run_id = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    logs.configure(settings.log_level, settings.log_format, run_id=run_id)
    return settings, run_id


def execute(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    logs.configure()
    signals.raise_on_stop()
    try:
        with signals.stop_takes_precedence():
            result = cli.main(list(arguments), prog_name="etl-sales-target", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        termination.write_termination_message(f"usage: {error.format_message()}")
        return _USAGE_EXIT_CODE
    except JobError as error:
        return _fail(error)
    except Exception as error:  # noqa: BLE001 - the outermost boundary
        return _fail(
            JobError(
                f"{type(error).__name__}: {error}",
                remedy="This is a bug: report it with the lines that ETL_LOG_LEVEL=DEBUG writes.",
            )
        )
    # An exit that a command asked for; a command that ended returns None.
    return result if isinstance(result, int) else 0


def _fail(error: JobError) -> int:
    """Says why, to the log and to the pod's status; returns the exit code."""
    log.error(
        "run_failed", error=error.message, remedy=error.remedy, code=error.code,
        reason=error.reason.value, exit_code=error.exit_code, **error.fields,
    )  # fmt: skip
    log.debug("traceback", exc_info=sys.exception())
    termination.write_termination_message(f"{error.reason}: {error}")
    return error.exit_code


def main() -> None:
    """The console script."""
    # A crash inside a driver leaves at least the lines that led there.
    faulthandler.enable()
    # Rows form no cycles: the collector would walk each batch in vain, a quarter of a copy's time.
    gc.set_threshold(_GC_THRESHOLD)
    sys.exit(execute(sys.argv[1:]))
