"""Standard output and standard error that cannot be written change neither run nor exit code."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import Job
from support.result import Result
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

BASH = shutil.which("bash") or "/bin/bash"
STDOUTS = [">&-", ">/dev/full", "> >(exit 0)"]
STDERRS = ["2>&-", "2>/dev/full", "2> >(exit 0)"]
BOTH = [">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>&1", "> >(exit 0) 2>&1"]
ALL = pytest.mark.parametrize("redirections", [*STDOUTS, *STDERRS, *BOTH])


def redirected(job: Job, redirections: str, *arguments: str, **environ: str) -> Result:
    """The command, with its streams as the shell makes them."""
    shell = [BASH, "-c", f'exec "$0" "$@" {redirections}']
    return job.through(*shell)(*arguments, **environ)


@ALL
def test_a_run_loads(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, redirections: str
) -> None:
    result = redirected(job, redirections, "run", "--report", "-")

    assert result.exit_code == 0, result.stderr
    assert target.rows() == small_source.rows()
    assert target.last_run("outcome") == ("succeeded",)


# One Python, whose streams are as the shell made them, becomes each command in a fork of its own,
# up to what an interpreter does at its exit. The drivers are loaded once.
EACH_COMMAND = """
import json, os, sys
from sqlalchemy import create_engine
from etl_sales_target import cli

for name in cli._COMMANDS:
    cli._import(name)
for url in ("postgresql+psycopg://", "oracle+oracledb://"):
    create_engine(url)
exit_codes = []
for arguments, environ in json.loads(sys.argv[2]):
    if not (pid := os.fork()):
        os.environ.update(environ)
        sys.argv[1:] = arguments
        cli.main()
    exit_codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
with open(sys.argv[1], "w") as file:
    json.dump(exit_codes, file)
"""
NO_SOURCE = {"ETL_SOURCE_TABLE": "APPS.NOSUCH"}
EXIT_CODES: list[tuple[list[str], dict[str, str], int]] = [
    (["check"], {}, 0),
    (["check"], NO_SOURCE, 69),
    (["run"], NO_SOURCE, 69),
    (["run", "--dry-run"], {}, 0),
    (["run", "--fulll"], {}, 2),
    (["--help"], {}, 0),
    (["--version"], {}, 0),
]


@ALL
def test_the_exit_code_is_the_commands_own(
    job: Job, small_source: SourceDatabase, tmp_path: Path, redirections: str
) -> None:
    exit_codes = tmp_path / "exit_codes"
    commands = json.dumps([(arguments, environ) for arguments, environ, _ in EXIT_CODES])
    python = [sys.executable, "-c", EACH_COMMAND, str(exit_codes), commands]

    subprocess.run(
        [BASH, "-c", f'exec "$0" "$@" {redirections}', *python],
        env=job.environ,
        capture_output=True,
        check=True,
    )

    assert json.loads(exit_codes.read_text()) == [expected for _, _, expected in EXIT_CODES]


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
