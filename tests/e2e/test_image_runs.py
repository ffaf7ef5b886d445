"""The job in its container between two databases, as a pod or `docker run` starts it."""

import time

from oracle_standin import OracleStandin
from support.e2e.containers import ContainerJob, derive, docker, inspect
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase
from support.urls import with_password

_STOP_SECONDS = 30
_CPU_LIMIT_SECONDS = 0.7
_ATTEMPTS = 10


def test_run_makes_the_target_equal_and_then_has_nothing_to_do(
    container_job: ContainerJob, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    first = container_job("run")
    assert first.exit_code == 0, first.stderr
    assert target.rows() == small_source.rows()
    assert first.event("run_finished")["rows_read"] == 24

    second = container_job("run")
    assert second.exit_code == 0, second.stderr
    assert second.event("run_finished")["rows_read"] == 0
    assert target.rows() == small_source.rows()


def test_backfill_reloads_three_months(
    container_job: ContainerJob, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    container_job("run")
    target.execute("UPDATE mb.sales_target SET target_amount = -1")
    done = container_job("backfill", "--from", "2024-02", "--to", "2024-04")
    assert done.exit_code == 0, done.stderr
    restored = target.query(
        "SELECT DISTINCT target_month FROM mb.sales_target"
        " WHERE target_amount IS DISTINCT FROM -1 ORDER BY 1"
    )
    assert restored == [(2,), (3,), (4,)]


def test_check_passes(container_job: ContainerJob, small_source: SourceDatabase) -> None:
    done = container_job("check")
    assert done.exit_code == 0, done.stdout
    assert "client library: not used: thin mode" in done.stdout


def test_no_shell_is_needed(
    container_job: ContainerJob, image: str, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    without = container_job.with_image(derive(image, "rm /bin/sh /bin/dash /bin/bash"))
    done = without("run")
    assert done.exit_code == 0, done.stderr
    assert target.rows() == small_source.rows()


def test_sigterm_in_mid_load_reaches_the_job_and_leaves_the_old_rows(
    container_job: ContainerJob,
    standin: OracleStandin,
    small_source: SourceDatabase,
    target: TargetDatabase,
) -> None:
    assert container_job("run").exit_code == 0
    before = target.rows()
    small_source.execute("UPDATE {table} SET target_amount = 7")
    standin.faults.delay(execute=2, on="target_amount")
    process = container_job.start("run")
    _wait_for_the_load(target)
    started = time.monotonic()
    docker("stop", f"--time={_STOP_SECONDS}", container_job.names[-1])
    took = time.monotonic() - started
    _, stderr = process.communicate(timeout=_STOP_SECONDS)

    state = inspect(container_job.names[-1])["State"]
    assert (process.returncode, state["ExitCode"]) == (143, 143), stderr
    assert "Stopped by SIGTERM" in stderr
    assert took < _STOP_SECONDS / 2
    assert target.rows() == before
    assert inspect(container_job.names[-1])["Path"] == "etl-sales-target"

    standin.faults.clear()
    assert container_job("run").exit_code == 0
    assert target.rows() == small_source.rows()


def _wait_for_the_load(target: TargetDatabase) -> None:
    """Until a transaction of the job has locked the target's table."""
    locked = (
        "SELECT count(*) FROM pg_locks WHERE relation = 'mb.sales_target'::regclass"
        " AND mode = 'ShareRowExclusiveLock'"
    )
    for _ in range(200):
        if target.query(locked) != [(0,)]:
            return
        time.sleep(0.1)
    raise AssertionError("the job never locked the target")


def test_a_wrong_password_of_the_target_is_not_allowed(
    container_job: ContainerJob, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    wrong = with_password(target.url, "not-the-password")
    done = container_job("run", AIRFLOW_CONN_POSTGRES_CONN_ID=wrong)
    assert done.exit_code == 77, done.stderr
    assert "not-the-password" not in done.stdout + done.stderr


def test_a_wrong_password_of_the_source_is_not_allowed(
    container_job: ContainerJob, small_source: SourceDatabase
) -> None:
    wrong = with_password(small_source.uri, "not-the-password")
    done = container_job("run", AIRFLOW_CONN_ORACLE_CONN_ID=wrong)
    assert done.exit_code == 77, done.stderr
    assert done.failure["code"] == "ORA-01017"
    assert "not-the-password" not in done.stdout + done.stderr


def test_no_password_is_in_the_command_line(
    container_job: ContainerJob, standin: OracleStandin, small_source: SourceDatabase
) -> None:
    standin.faults.delay(execute=0.5)
    process = container_job.start("check")
    listed = ""
    for _ in range(100):
        running = docker("ps", "--quiet", f"--filter=name={container_job.names[-1]}")
        if running:
            listed = docker("top", running, "-eo", "pid,args")
            if "check" in listed:
                break
        time.sleep(0.05)
    process.communicate(timeout=_STOP_SECONDS)
    assert "etl-sales-target check" in listed
    assert standin.password not in listed


def test_the_first_query_comes_after_little_work(
    container_job: ContainerJob, standin: OracleStandin, small_source: SourceDatabase
) -> None:
    """CPU of a run that ends at its first query to the source: no less than up to that query."""
    program = (
        "import resource, subprocess\n"
        "done = subprocess.run(['etl-sales-target', 'run', '--dry-run'], check=False)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(done.returncode, used.ru_utime + used.ru_stime)\n"
    )
    measured = container_job.with_options("--entrypoint=python3")
    seconds: list[float] = []
    # Other work on the machine adds to it, and never takes from it: one quiet moment will do.
    while len(seconds) < _ATTEMPTS and (not seconds or min(seconds) > _CPU_LIMIT_SECONDS):
        standin.faults.ora_error(942)
        exit_code, used = measured("-c", program).stdout.split()
        assert exit_code == "69"
        seconds.append(float(used))
    assert min(seconds) <= _CPU_LIMIT_SECONDS, seconds
