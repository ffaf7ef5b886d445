"""What stands on record after a run, and after one that failed or was killed."""

import subprocess
import threading

import pytest

from oracle_standin import OracleStandin
from support.command import Job
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase


def test_a_run_is_on_record(job: Job, small_source: SourceDatabase, target: TargetDatabase) -> None:
    job("run", ETL_TRIGGERED_BY="dag_run 7")

    assert target.last_run(
        "mode", "triggered_by", "outcome", "exit_code", "error", "rows_source", "rows_target",
        "rows_read", "rows_inserted", "rows_deleted", "rows_unchanged", "run_number", "periods_new",
        "source_table", "target_table",
        "started_at <= snapshot + interval '1 second'", "snapshot <= finished_at",
    ) == (
        "run", "dag_run 7", "succeeded", 0, None, 24, 24,
        24, 24, 0, 0, 1, 12, "apps.khs_customers_trx_targets", "mb.sales_target",
        True, True,
    )  # fmt: skip
    assert target.query(
        "SELECT row_count, sums ->> 'target_amount', run_id = (SELECT max(run_id)"
        " FROM mb.etl_sales_target_runs)"
        " FROM mb.etl_sales_target_periods WHERE period = '2024-03'"
    ) == [(2, "14.25", True)]


def test_a_failed_run_is_on_record_with_its_reason(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    standin.faults.ora_error(1555, after_rows=15)

    result = job("run", ETL_BATCH_ROWS="1")

    assert result.exit_code == 75
    assert target.last_run("outcome", "exit_code", "phase", "error_code", "error") == (
        "failed", 75, "copy", "ORA-01555", result.failure["error"],
    )  # fmt: skip
    assert result.failure["phase"] == "copy"
    assert target.query("SELECT * FROM mb.etl_sales_target_periods") == []


def test_a_stopped_run_is_on_record(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    process = start_and_wait_for_rows(job, standin)

    process.terminate()
    process.communicate(timeout=20)

    assert target.last_run("outcome", "exit_code", "error") == (
        "failed", 143, "Stopped by SIGTERM; nothing was committed.",
    )  # fmt: skip


def test_a_killed_run_is_found_by_the_next_one(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    process = start_and_wait_for_rows(job, standin)
    process.kill()
    process.communicate()
    assert target.last_run("outcome") == ("running",)
    ((killed,),) = target.query("SELECT run_id FROM mb.etl_sales_target_runs")
    standin.faults.clear()

    result = job("run")

    assert result.event("run_finished")["abandoned_runs"] == [killed]
    outcomes = "SELECT outcome FROM mb.etl_sales_target_runs ORDER BY started_at"
    assert target.query(outcomes) == [("abandoned",), ("succeeded",)]


def test_a_run_beside_a_load_is_on_record_and_leaves_it_alone(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    process = start_and_wait_for_rows(job, standin)

    second = job("run")
    running = target.query("SELECT outcome FROM mb.etl_sales_target_runs ORDER BY started_at")
    standin.faults.clear()
    process.communicate(timeout=60)

    assert second.exit_code == 75
    assert running == [("running",), ("failed",)]
    assert target.query(
        "SELECT outcome FROM mb.etl_sales_target_runs ORDER BY started_at LIMIT 1"
    ) == [("succeeded",)]


def test_a_temporary_error_is_tried_again_from_a_new_snapshot(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    edits = iter(["UPDATE {table} SET target_amount = 5 WHERE id = 14"])
    standin.faults.before_fetch(
        lambda _rows: small_source.execute(next(edits, "DELETE FROM {table} WHERE id = -1"))
    )
    standin.faults.ora_error(1555, after_rows=10)

    result = job("run", ETL_BATCH_ROWS="1", ETL_RETRY_BUDGET_SECONDS="30")

    assert result.exit_code == 0, result.stderr
    assert result.event("retry_scheduled")["code"] == "ORA-01555"
    assert target.last_run("outcome", "retries", "error") == ("succeeded", 1, None)
    assert target.rows() == small_source.rows()


def test_retries_end(job: Job, small_source: SourceDatabase, standin: OracleStandin) -> None:
    standin.faults.refuse_connections(12514)

    result = job("run", ETL_RETRY_BUDGET_SECONDS="4")

    assert result.exit_code == 75
    pauses = [e["pause_seconds"] for e in result.events if e["event"] == "retry_scheduled"]
    assert pauses == sorted(pauses)
    assert 1 <= sum(pauses) <= 4


def test_an_older_layout_is_upgraded(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    job("run")
    target.execute("""
        ALTER TABLE mb.etl_sales_target_runs DROP COLUMN retries, DROP COLUMN periods_drifted;
        ALTER TABLE mb.etl_sales_target_periods ADD COLUMN of_a_newer_job text
    """)

    result = job("run")

    assert result.exit_code == 0, result.stderr
    created = [event["name"] for event in result.events if event["event"] == "object_created"]
    assert sorted(created) == [
        "etl_sales_target_runs.periods_drifted", "etl_sales_target_runs.retries",
    ]  # fmt: skip
    assert target.last_run("retries", "periods_drifted") == (0, 0)


def test_runs_shows_the_ledger(job: Job, small_source: SourceDatabase) -> None:
    assert job("runs").exit_code == 69
    job("run")
    job("run", "--full")

    lines = job("runs").stdout.splitlines()
    last = job("runs", "--last", "1").stdout.splitlines()

    assert "mode" in lines[0]
    assert [line.split()[3] for line in lines[2:]] == ["full", "run"]
    assert len(last) == 3
    assert last[2] == lines[2]


def start_and_wait_for_rows(job: Job, standin: OracleStandin) -> subprocess.Popen[str]:
    """A run that has sent rows and has more to come."""
    reached = threading.Event()
    standin.faults.before_fetch(lambda rows: reached.set() if rows >= 10 else None)
    standin.faults.delay(fetch=0.7)
    process = job.start("run", ETL_BATCH_ROWS="1")
    assert reached.wait(30)
    return process


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns"])
def test_runs_shows_utc_whatever_the_session_says(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, zone: str
) -> None:
    job("run")
    [[started]] = target.query(
        "SELECT to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        " FROM mb.etl_sales_target_runs"
    )

    assert started in job("runs", PGTZ=zone, TZ=zone).stdout


def test_targets_in_one_schema_have_records_of_their_own(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    second = {"ETL_TARGET_TABLE": "mb.second"}

    assert job("run").event("run_finished")["periods"]["new"] == 12
    assert job("run", **second).event("run_finished")["periods"]["new"] == 12
    small_source.execute("UPDATE {table} SET target_amount = 7 WHERE id = 1")
    for environ in ({}, second):
        periods = job("run", **environ).event("run_finished")["periods"]
        assert (periods["changed"], periods["unchanged"]) == (1, 11)

    assert target.rows() == small_source.rows()
    assert job("runs", **second).stdout.count("succeeded") == 2
