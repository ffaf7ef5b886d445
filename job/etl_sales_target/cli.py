"""The command `etl-sales-target`. The one place where errors become exit codes."""

import datetime
import re
import secrets
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click
import structlog

from etl_sales_target import __version__, logs
from etl_sales_target.errors import JobError, StoppedError
from etl_sales_target.model import Months

log = structlog.get_logger()

_USAGE_EXIT_CODE = 2
_BUG_EXIT_CODE = 70


class Month(click.ParamType):
    """A calendar month, written YYYY-MM."""

    name = "YYYY-MM"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", value)
        if not match:
            self.fail(f"{value!r} is not a month such as 2024-01.", param, ctx)
        return int(match[1]), int(match[2])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="etl-sales-target")
def cli() -> None:
    """Keeps a PostgreSQL table equal to an Oracle table.

    Connections and settings come from the environment; see the README.
    """


@cli.command()
def run() -> None:
    """Makes the target equal to the source."""
    _job("run").load()


@cli.command()
@click.option("--from", "first", type=Month(), required=True, help="The first month.")
@click.option("--to", "last", type=Month(), required=True, help="The last month, inclusive.")
def backfill(first: tuple[int, int], last: tuple[int, int]) -> None:
    """Reloads the months --from to --to, both inclusive."""
    if last < first:
        raise click.BadParameter("--to is before --from.", param_hint="'--to'")
    _job("backfill").load(Months(first, last))


@cli.command()
def check() -> None:
    """Tries everything that a run needs; a line each, with its remedy."""
    failures = []
    for result in _job("check").check():
        click.echo(result)
        if result.error:
            failures.append(result.error)
    if failures:
        raise click.exceptions.Exit(failures[0].exit_code)


def _job(mode: str) -> "Job":
    # Here, not above: --help and a wrong option need not wait for the drivers.
    from etl_sales_target.job import Job
    from etl_sales_target.settings import Settings

    settings = Settings.read()
    run_id = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    logs.configure(settings.log_level, settings.log_format, run_id=run_id)
    return Job.read(settings, run_id, mode)


def _stop(number: int, _frame: FrameType | None) -> None:
    # Cleaning up must not be interrupted by an impatient second signal.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise StoppedError(f"Stopped by {signal.Signals(number).name}; nothing was committed.")


def execute(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    logs.configure()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _stop)
    try:
        result = cli.main(list(arguments), prog_name="etl-sales-target", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return _USAGE_EXIT_CODE
    except JobError as error:
        _log_failure(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the outermost boundary
        log.error("run_failed", error=f"{type(error).__name__}: {error}", exit_code=_BUG_EXIT_CODE)
        log.debug("traceback", exc_info=True)
        return _BUG_EXIT_CODE
    # An exit that a command asked for; a command that ended returns None.
    return result if isinstance(result, int) else 0


def _log_failure(error: JobError) -> None:
    log.error(
        "run_failed",
        error=error.message,
        remedy=error.remedy,
        code=error.code,
        exit_code=error.exit_code,
        **error.fields,
    )
    log.debug("traceback", exc_info=True)


def main() -> None:
    """The console script."""
    sys.exit(execute(sys.argv[1:]))
