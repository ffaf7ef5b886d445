"""SIGTERM and SIGINT where something stands between them and the command's end."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from oracle_standin import OracleStandin
from support.changed import IMPATIENT_WITH_LINEAGE, LINEAGE_SECONDS
from support.command import Job
from support.faults.holding_server import holding_server
from support.result import Result
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

SIGNALS = [signal.SIGTERM, signal.SIGINT]
# Not the server's timeout; the run's last event, which tries the same server again, has its own.
SOON_SECONDS = 4
# What the driver has to cancel a call.
CANCEL_SECONDS = 5


def stopped(job: Job, number: signal.Signals, *arguments: str, held: str, **environ: str) -> Result:
    """The command, signalled while a server that says nothing, named `held`, holds it up."""
    with holding_server() as server:
        place = {name: text.format(server=server) for name, text in environ.items()}
        process = job.start(*arguments, **place)
        assert server.reached.wait(30), held
        time.sleep(0.3)
        process.send_signal(number)
        start = time.monotonic()
        stdout, stderr = process.communicate(timeout=30)
        seconds = time.monotonic() - start
    result = Result(process.returncode, stdout, stderr)
    assert result.exit_code == 143, stdout + stderr
    assert result.failure["reason"] == "stopped"
    assert seconds < SOON_SECONDS + (LINEAGE_SECONDS if held == "lineage" else 0), stderr
    return result


@pytest.mark.parametrize("number", SIGNALS)
def test_while_the_lineage_server_says_nothing(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, number: signal.Signals
) -> None:
    impatient = job.through(*IMPATIENT_WITH_LINEAGE)

    result = stopped(impatient, number, "run", held="lineage", OPENLINEAGE_URL="{server.url}")

    assert not target.exists()
    assert "run_finished" not in result.stderr


HOLDING = {
    "Oracle": {"AIRFLOW_CONN_ORACLE_CONN_ID": "oracle://u:p@127.0.0.1:{server.port}/EBS"},
    "PostgreSQL": {"AIRFLOW_CONN_POSTGRES_CONN_ID": "postgres://u:p@127.0.0.1:{server.port}/d"},
    "Pushgateway": {"ETL_PUSHGATEWAY_URL": "{server.url}"},
}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("held", HOLDING)
def test_check_while_a_server_says_nothing(
    job: Job, small_source: SourceDatabase, held: str, number: signal.Signals
) -> None:
    patient = {"ETL_CONNECT_TIMEOUT_SECONDS": "20", "ETL_PUSHGATEWAY_TIMEOUT_SECONDS": "20"}

    stopped(job, number, "check", held=held, **patient, **HOLDING[held])


@pytest.mark.parametrize("number", SIGNALS)
def test_while_oracle_owes_an_answer(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    standin: OracleStandin,
    number: signal.Signals,
) -> None:
    """The driver asks the server to cancel, and waits for its answer: not longer than it may."""
    reached, released = threading.Event(), threading.Event()

    def hold(rows: int) -> None:
        if rows >= 10:
            reached.set()
            released.wait(30)

    standin.faults.before_fetch(hold)
    process = job.start("run", ETL_BATCH_ROWS="1")
    assert reached.wait(30)
    process.send_signal(number)
    start = time.monotonic()
    stdout, stderr = process.communicate(timeout=40)
    seconds = time.monotonic() - start
    released.set()

    result = Result(process.returncode, stdout, stderr)
    assert result.exit_code == 143, stderr
    assert result.failure["reason"] == "stopped"
    assert seconds < CANCEL_SECONDS + SOON_SECONDS, stderr
    assert not target.exists() or target.rows() == []


# The command, stopped inside a library that catches what it should not.
SWALLOWING = """
import contextlib, os, signal
from etl_sales_target import cli
from etl_sales_target.postgres.session import PostgresSession

analyze = PostgresSession.analyze

def analyze_and_swallow(session, table):
    analyze(session, table)
    with contextlib.suppress({caught}):
        os.kill(os.getpid(), signal.{name})

PostgresSession.analyze = analyze_and_swallow
cli.main()
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("caught", ["Exception", "BaseException"])
def test_a_library_that_swallows_it(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    caught: str,
    number: signal.Signals,
) -> None:
    script = SWALLOWING.format(caught=caught, name=number.name)
    command = [sys.executable, "-c", script, "run"]

    ended = subprocess.run(command, env=job.environ, capture_output=True, text=True, check=False)

    assert ended.returncode == 143, ended.stderr
    assert not target.exists()
    assert target.last_run("outcome", "report ->> 'reason'") == ("failed", "stopped")
