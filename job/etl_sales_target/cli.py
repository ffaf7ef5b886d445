"""The command `etl-sales-target`. The one place where errors become exit codes."""

import faulthandler
import gc
import importlib
import io
import sys
from collections.abc import Sequence
from types import ModuleType

import click
import structlog

from etl_sales_target.core.errors import Failure, JobError
from etl_sales_target.reporting.termination import write_termination_message
from etl_sales_target.runtime import logs, signals, streams

log = structlog.get_logger()

_USAGE_EXIT_CODE = 2
# More objects than the imports and a batch of rows make.
_GC_THRESHOLD = 100_000

# Each is the click command of its name in the module of its name in `commands`.
_COMMANDS = ("run", "backfill", "check", "verify", "runs", "changes", "tables")


class _LazyGroup(click.Group):
    """Imports a command's module, and with it the drivers, only for that command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(_import(cmd_name), cmd_name)
        return command


def _import(module: str) -> ModuleType:
    return importlib.import_module(f"etl_sales_target.commands.{module}")


def _print_versions(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if value:
        for line in _import("versions").lines():
            click.echo(line)
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_versions,
    help="Print the versions of the job, the driver and Oracle's client library.",
)
def cli() -> None:
    """Keep PostgreSQL tables equal to Oracle tables.

    Connections and settings come from the environment; see docs/configuration.md.
    """


def execute(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    logs.configure()
    signals.raise_on_stop()
    try:
        with signals.stop_takes_precedence():
            _call(arguments)
    except click.exceptions.Exit as wanted:
        return wanted.exit_code
    except click.UsageError as error:
        return _refuse(error)
    except Failure as error:
        log.debug("traceback", exc_info=error)
        return _fail(error)
    except Exception as error:
        # The log may be all that is left of the pod.
        log.error("traceback", exc_info=error)  # noqa: TRY400 - structlog's
        return _fail(
            JobError(
                f"{type(error).__name__}: {error}",
                remedy="This is a bug: report it with the log, whose `traceback` says where.",
            )
        )
    return 0


def _call(arguments: Sequence[str]) -> None:
    # Not click's own main(): it makes an exit code of its own of some of our errors.
    with cli.make_context("etl-sales-target", list(arguments)) as context:
        cli.invoke(context)


def _refuse(error: click.UsageError) -> int:
    """Says what is wrong with the command line; returns the exit code."""
    said = io.StringIO()
    error.show(said)
    click.echo(logs.redact(said.getvalue()), err=True, nl=False)
    write_termination_message(f"usage: {error.format_message()}")
    return _USAGE_EXIT_CODE


def _fail(error: Failure) -> int:
    """Says why, to the log and to the pod's status; returns the exit code."""
    log.error(
        "run_failed", error=error.message, remedy=error.remedy, code=error.code,
        reason=error.reason.value, exit_code=error.exit_code, **error.fields,
    )  # fmt: skip
    write_termination_message(f"{error.reason}: {error}")
    return error.exit_code


def main() -> None:
    """The console script."""
    streams.make_unfailing()
    # A crash inside a driver leaves at least the lines that led there.
    faulthandler.enable()
    # Rows form no cycles: the collector would walk each batch in vain, a quarter of a copy's time.
    gc.set_threshold(_GC_THRESHOLD)
    sys.exit(execute(sys.argv[1:]))
