"""What happens to PostgreSQL in the middle of a run, on a server of these tests' own."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from demo.embedded_postgres import EmbeddedPostgres
from support.faults.harness import (
    IMPATIENT,
    LONGEST_SECONDS,
    ROWS,
    FaultHarness,
    comes_true,
    make_harness,
)
from support.faults.observer import observed_target
from support.faults.proxy import Link
from support.faults.suite import some
from support.target_database import TargetDatabase
from support.urls import with_password

CONNECTIONS = 12
TABLESPACE_BYTES = 24 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A server that a test may stop."""
    settings = {"max_connections": str(CONNECTIONS), "max_wal_senders": "0"}
    with EmbeddedPostgres(settings) as server:
        yield server


@pytest.fixture(scope="module")
def harness(postgres: EmbeddedPostgres, server: EmbeddedPostgres) -> Iterator[FaultHarness]:
    with ExitStack() as stack:
        yield make_harness(stack, postgres, server)


def in_mid_copy(harness: FaultHarness, action: Callable[[], None]) -> threading.Event:
    """Once, when a third of the rows has been sent."""
    done = threading.Event()

    def act(rows: int) -> None:
        if rows >= ROWS // 3 and not done.is_set():
            done.set()
            action()

    harness.standin.faults.before_fetch(act)
    return done


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restarted_in_mid_run(
    harness: FaultHarness, server: EmbeddedPostgres, mode: Literal["fast", "immediate"]
) -> None:
    harness.edit()
    case = harness.case()
    in_mid_copy(harness, lambda: server.stop(mode))

    result = harness.run("run", "--full")

    server.start()
    case.ended(result, exit_codes={75}, reason="temporary")


def test_a_restart_is_survived_by_trying_again(
    harness: FaultHarness, server: EmbeddedPostgres
) -> None:
    harness.edit()
    case = harness.case()
    in_mid_copy(harness, server.restart)

    result = harness.run("run", "--full", ETL_RETRY_BUDGET_SECONDS="30")

    assert case.ended(result, exit_codes={0})
    assert result.event("run_finished")["retries"] >= 1


def test_an_administrator_ends_the_session(harness: FaultHarness) -> None:
    harness.edit()
    case = harness.case()
    in_mid_copy(
        harness,
        lambda: harness.target.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'etl-sales-target%'"
        ),
    )

    result = harness.run("run", "--full")

    case.ended(result, exit_codes={75}, reason="temporary", code={"57P01", None})


@pytest.mark.parametrize(
    "text", some(2, [b"COPY", b"DELETE FROM mb.sales_target", b"SELECT mb.sales"])
)
def test_a_server_process_that_stands_still(harness: FaultHarness, text: bytes) -> None:
    """The network lives, the kernel answers for the process: only our own clock can tell."""
    harness.edit()
    case = harness.case()
    stopped: list[int] = []

    def stop(_link: Link) -> None:
        ((pid,),) = harness.target.query(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'etl-sales-target%'"
        )
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)

    sprung = harness.postgres_proxy.at_text(text, stop)
    process = harness.start("run", "--full", **IMPATIENT)
    try:
        result = process.wait(LONGEST_SECONDS)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)

    assert sprung.is_set()
    case.ended(
        result, exit_codes={75}, reason="temporary",
        says="did not answer within 1 s (ETL_CALL_TIMEOUT_SECONDS)",
    )  # fmt: skip


def test_no_connection_is_free(harness: FaultHarness) -> None:
    case = harness.case()
    with ExitStack() as stack:
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            _take_all(stack, harness.target.url)

        result = harness.run("run")

    case.ended(result, exit_codes={75}, reason="temporary", code="53300")


def _take_all(stack: ExitStack, url: str) -> None:
    for _ in range(CONNECTIONS + 1):
        stack.enter_context(psycopg.connect(url))


@pytest.mark.parametrize("mode", some(2, ["ROW EXCLUSIVE", "ACCESS EXCLUSIVE", "SHARE"]))
def test_somebody_holds_a_lock(harness: FaultHarness, mode: str) -> None:
    harness.edit()
    case = harness.case()
    with psycopg.connect(harness.target.url) as other:
        other.execute(f"LOCK TABLE mb.sales_target IN {mode} MODE".encode())

        result = harness.run("run", ETL_LOCK_TIMEOUT_SECONDS="1")

    case.ended(result, exit_codes={75}, code="55P03", says="lock timeout")


def test_a_lock_that_is_given_back_in_time_is_waited_for(harness: FaultHarness) -> None:
    harness.edit()
    case = harness.case()
    with psycopg.connect(harness.target.url) as other:
        other.execute("LOCK TABLE mb.sales_target IN ROW EXCLUSIVE MODE")
        process = harness.start("run")
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
        assert comes_true(lambda: harness.target.query(waiting) != [])

    result = process.wait()

    assert case.ended(result, exit_codes={0})


def test_the_vacuum_waits_for_no_lock(harness: FaultHarness) -> None:
    """Somebody locks the target between the commit and the VACUUM, and keeps it."""
    harness.edit_every_row()
    case = harness.case()
    with psycopg.connect(harness.target.url) as other:

        def lock(_link: Link) -> None:
            other.execute("LOCK TABLE mb.sales_target IN SHARE MODE")

        locked = harness.postgres_proxy.at_text(b"VACUUM", lock)
        result = harness.start("run").wait(LONGEST_SECONDS)

    assert locked.is_set()
    assert "cleanup_failed" not in result.stderr
    assert case.ended(result, exit_codes={0})


def test_a_hot_standby(harness: FaultHarness, server: EmbeddedPostgres) -> None:
    harness.edit()
    case = harness.case()
    standby = Path(str(server._folder)) / "data" / "standby.signal"
    server.stop()
    standby.touch()
    server.start()

    result = harness.run("run")

    harness.target.query("SELECT pg_promote()")
    assert comes_true(lambda: harness.target.query("SELECT pg_is_in_recovery()") == [(False,)])
    case.ended(result, exit_codes={75}, reason="temporary", code="25006")


def test_the_disk_is_full(
    harness: FaultHarness, server: EmbeddedPostgres, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """The whole database on a file system of a few megabytes."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(server))
        database = "on_a_small_disk"
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'".encode())
            connection.execute(f"CREATE DATABASE {database} TABLESPACE small".encode())
        try:
            with observed_target(server.url(database)) as target:
                _fill_up(harness, target, disk)
        finally:
            server.drop_database(database)
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute("DROP TABLESPACE small")


def _fill_up(harness: FaultHarness, target: TargetDatabase, disk: Path) -> None:
    other = FaultHarness(
        source=harness.source,
        target=target,
        standin=harness.standin,
        oracle_proxy=harness.oracle_proxy,
        postgres_proxy=harness.postgres_proxy,
        seed=harness.seed,
    )
    assert other.run("run").exit_code == 0
    other.edit()
    case = other.case()
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(TABLESPACE_BYTES))

    result = other.run("run", "--full")

    filler.unlink()
    case.ended(result, exit_codes={75}, reason="temporary", code="53100")


@contextmanager
def small_disk(server: EmbeddedPostgres) -> Iterator[Path]:
    """A file system for the server's account; only root may make one."""
    disk = Path(str(server._folder)) / "small"
    disk.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={TABLESPACE_BYTES}", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root alone")
    try:
        server._hand_over(disk)
        yield disk
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(disk)], check=True)


def test_a_wrong_password_is_sent_once_whatever_language_the_server_speaks(
    harness: FaultHarness,
) -> None:
    """Before the login a server speaks its own lc_messages, and libpq tells no SQLSTATE."""
    case = harness.case()
    said = b"password authentication failed for user"
    harness.postgres_proxy.rewrite(said, "échec de l'authentification par mot ".encode() + b"de")
    url = with_password(harness.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"], "wrong")
    before = harness.postgres_proxy.connections

    result = harness.run("run", AIRFLOW_CONN_POSTGRES_CONN_ID=url, ETL_RETRY_BUDGET_SECONDS="10")

    assert "échec" in result.failure["error"]
    assert result.failure["reason"] == "not_allowed"
    assert harness.postgres_proxy.connections - before == 1
    case.ended(result, exit_codes={77})


def test_a_cut_after_the_password_was_sent_is_temporary(harness: FaultHarness) -> None:
    case = harness.case()
    cut = harness.postgres_proxy.at_text(b"c=biws", Link.drop)  # SCRAM's last message

    result = harness.run("run")

    assert cut.is_set()
    case.ended(result, exit_codes={75}, reason="temporary", says="could not connect to the target")
