"""Standard output and standard error that cannot be written change neither run nor exit code."""

import json

import pytest

from support.command import Job
from support.result import Result
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

STDOUTS = [">&-", ">/dev/full", "> >(exit 0)"]
STDERRS = ["2>&-", "2>/dev/full", "2> >(exit 0)"]
BOTH = [">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>&1", "> >(exit 0) 2>&1"]
ALL = pytest.mark.parametrize("redirections", [*STDOUTS, *STDERRS, *BOTH])


def redirected(job: Job, redirections: str, *arguments: str, **environ: str) -> Result:
    """The command, with its streams as the shell makes them."""
    shell = ["bash", "-c", f'exec "$0" "$@" {redirections}']
    return job.through(*shell)(*arguments, **environ)


@ALL
def test_a_run_loads(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, redirections: str
) -> None:
    result = redirected(job, redirections, "run", "--report", "-")

    assert result.exit_code == 0, result.stderr
    assert target.rows() == small_source.rows()
    assert target.last_run("outcome") == ("succeeded",)


@ALL
def test_the_exit_code_is_the_commands_own(
    job: Job, small_source: SourceDatabase, redirections: str
) -> None:
    def exit_code(*arguments: str, **environ: str) -> int:
        return redirected(job, redirections, *arguments, **environ).exit_code

    assert exit_code("check") == 0
    assert exit_code("check", ETL_SOURCE_TABLE="APPS.NOSUCH") == 69
    assert exit_code("run", ETL_SOURCE_TABLE="APPS.NOSUCH") == 69
    assert exit_code("run", "--dry-run") == 0
    assert exit_code("run", "--fulll") == 2
    assert exit_code("--help") == 0
    assert exit_code("--version") == 0


@pytest.mark.parametrize("redirections", STDOUTS)
def test_a_report_that_nobody_can_read_is_a_warning(
    job: Job, small_source: SourceDatabase, redirections: str
) -> None:
    result = redirected(job, redirections, "run", "--report", "-")

    assert "Traceback" not in result.stderr
    assert result.events[-1]["event"] == "run_finished"
    lost = [event for event in result.events if event["event"] == "output_not_written"]
    assert [event["level"] for event in lost] == (["warning"] if "full" in redirections else [])


def test_a_reader_of_the_first_line_gets_it_and_nothing_else_is_said(
    job: Job, small_source: SourceDatabase
) -> None:
    result = redirected(job, "> >(head -1)", "check", ETL_LOG_LEVEL="WARNING")

    assert result.stdout.startswith("OK      client library: ")
    assert result.stdout.count("\n") == 1
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_log_goes_on_where_there_is_room_again(job: Job, small_source: SourceDatabase) -> None:
    """A full disk is another matter than a reader that has gone."""
    result = redirected(job, ">/dev/full", "run", "--report", "-")

    assert json.loads(result.stderr.splitlines()[-1])["event"] == "run_finished"
