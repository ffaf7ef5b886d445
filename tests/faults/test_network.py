"""The network between the job and each database: whatever it does, a clear end in bounded time."""

import signal
import time
from pathlib import Path

import pytest

from support.faults.at_random import cut_somewhere, until_reached
from support.faults.harness import DATABASES, IMPATIENT, LONGEST_SECONDS, FaultHarness, comes_true
from support.faults.proxy import CUTS, Link
from support.faults.suite import some
from support.processes import Process

CASES = range(6)

COULD_NOT_CONNECT = {
    "oracle": "could not connect to the source",
    "postgres": "could not connect to the target",
}

# In /proc/net/tcp: no data is in flight, and the kernel will probe the peer.
_KEEPALIVE_TIMER = "02"


@pytest.mark.parametrize("number", some(1, CASES))
@pytest.mark.parametrize("action", CUTS)
@pytest.mark.parametrize("database", DATABASES)
def test_the_network_fails_at_a_random_byte(
    harness: FaultHarness, database: str, action: str, number: int
) -> None:
    until_reached(lambda: cut_somewhere(harness, database, action))


@pytest.mark.parametrize("database", DATABASES)
def test_a_server_that_accepts_and_says_nothing(harness: FaultHarness, database: str) -> None:
    case = harness.case()
    harness.proxy_of(database).freeze_new()

    result = harness.start("run", **IMPATIENT).wait(LONGEST_SECONDS)

    case.ended(result, exit_codes={75}, reason="temporary", says=COULD_NOT_CONNECT[database])


@pytest.mark.parametrize("database", DATABASES)
def test_a_connection_that_ends_at_once(harness: FaultHarness, database: str) -> None:
    case = harness.case()
    harness.proxy_of(database).refuse_new()

    result = harness.run("run")

    case.ended(result, exit_codes={75}, reason="temporary", says=COULD_NOT_CONNECT[database])


@pytest.mark.parametrize("database", DATABASES)
def test_a_slow_network_is_no_failure(harness: FaultHarness, database: str) -> None:
    harness.edit()
    case = harness.case()
    proxy = harness.proxy_of(database)
    proxy.delay(0.01)

    result = harness.run("run")

    assert proxy.delayed > 20
    assert case.ended(result, exit_codes={0})


def test_a_stop_is_heard_while_the_login_waits(harness: FaultHarness) -> None:
    case = harness.case()
    harness.oracle_proxy.freeze_new()
    process = harness.start("run")
    assert comes_true(lambda: harness.oracle_proxy.open_links == 1)

    process.signal(signal.SIGTERM)

    result = process.wait(5)
    case.ended(result, exit_codes={143}, reason="stopped", says="Stopped by SIGTERM")


def test_a_stop_is_heard_while_a_frozen_target_takes_no_rows(harness: FaultHarness) -> None:
    harness.edit()
    case = harness.case()
    frozen = harness.postgres_proxy.at_text(b"COPY", Link.freeze)
    process = harness.start("run", "--full")
    assert frozen.wait(30)
    time.sleep(0.3)
    harness.postgres_proxy.refuse_new()

    process.signal(signal.SIGTERM)

    result = process.wait(5)
    case.ended(result, exit_codes={143}, reason="stopped", says="Stopped by SIGTERM")


def test_a_cut_is_tried_again_while_the_server_still_keeps_the_lost_session(
    harness: FaultHarness,
) -> None:
    """A network that came back: the lost session must not lock its own run out."""
    harness.edit()
    case = harness.case()
    harness.postgres_proxy.at_text(b"COPY", Link.lose_client)

    result = harness.run("run", ETL_RETRY_BUDGET_SECONDS="30")

    assert case.ended(result, exit_codes={0})
    assert result.event("run_finished")["retries"] >= 1


def test_the_next_run_is_told_who_still_holds_the_lock(harness: FaultHarness) -> None:
    """Half open: the job's host is gone, the server does not know yet."""
    harness.edit()
    case = harness.case()
    frozen = harness.postgres_proxy.at_text(b"COPY", Link.freeze)
    process = harness.start("run")
    assert frozen.wait(30)
    process.signal(signal.SIGKILL)
    killed = process.wait()

    second = harness.run("run")

    assert (second.exit_code, second.failure["reason"]) == (75, "locked")
    assert killed.events[-1]["run_id"] in second.failure["holder"]
    case.ended(killed, exit_codes={-9})


def test_idle_connections_are_kept_alive_on_both_sides(harness: FaultHarness) -> None:
    """What a firewall forgets is found out by the kernel of either side, and soon."""
    harness.edit()
    case = harness.case()
    harness.standin.faults.delay(fetch=0.5)
    frozen = harness.postgres_proxy.at_text(b"COPY", Link.freeze)
    process = harness.start("run")
    assert frozen.wait(30)

    assert comes_true(lambda: len(_timers(process)) == 2)
    assert comes_true(lambda: all(timer == _KEEPALIVE_TIMER for timer in _timers(process)))
    ((idle,),) = harness.target.query(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'etl-sales-target%'"
    )
    assert idle == 1
    process.signal(signal.SIGTERM)
    case.ended(process.wait(), exit_codes={143}, reason="stopped")


def _timers(process: Process) -> list[str]:
    """The kernel's timer of each of its established TCP connections."""
    descriptors = Path(f"/proc/{process.pid}/fd")
    inodes = {
        link.readlink().name.removeprefix("socket:[").removesuffix("]")
        for link in descriptors.iterdir()
        if link.readlink().name.startswith("socket:")
    }
    lines = Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return [row[5].partition(":")[0] for row in rows if row[9] in inodes and row[3] == "01"]
