"""The network between the job and each database: whatever it does, a clear end in bounded time."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.processes import Process
from faults.proxy import Direction, Link, Proxy
from faults.world import IMPATIENT, World, comes_true, some

ACTIONS: dict[str, Callable[[Link], None]] = {
    "dropped": Link.drop,
    "reset": Link.reset,
    "frozen": Link.freeze,
    "half open": Link.lose_server,
}
DATABASES = ["oracle", "postgres"]
CASES = range(6)

# Connecting, a call that is given up, closing, and writing the failure down may wait in turn.
LONGEST_SECONDS = 25

# In /proc/net/tcp: no data is in flight, and the kernel will probe the peer.
_KEEPALIVE_TIMER = "02"


def proxy_of(world: World, database: str) -> Proxy:
    return world.oracle_proxy if database == "oracle" else world.postgres_proxy


def cut_somewhere(world: World, database: str, action: str) -> bool:
    """One random cut in a random run; returns whether it was in time to do harm."""
    chosen = world.random
    proxy, direction = proxy_of(world, database), chosen.choice(list(Direction))
    arguments = chosen.choice([("run",), ("run", "--full")])
    usual = bytes_of_a_run(world, proxy, arguments)
    world.edit()
    case = world.case()
    cut = proxy.at_byte(chosen.randrange(usual[direction]), ACTIONS[action], direction)
    result = world.start(*arguments, **IMPATIENT).wait(LONGEST_SECONDS)

    case.ended(
        result,
        exit_codes={75, 0} if result.exit_code == 0 or not cut.is_set() else {75},
        reason="temporary" if result.exit_code else None,
    )
    return cut.is_set()


def bytes_of_a_run(world: World, proxy: Proxy, arguments: tuple[str, ...]) -> dict:
    """What passes undisturbed, in each direction."""
    known: dict = vars(world).setdefault("bytes", {})
    key = (proxy, arguments)
    if key not in known:
        world.edit()
        world.heal()
        assert world.run(*arguments).exit_code == 0
        known[key] = dict(proxy.passed)
    world.heal()
    return known[key]


@pytest.mark.parametrize("number", some(1, CASES))
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("database", DATABASES)
def test_the_network_fails_at_a_random_byte(world: World, database, action, number):
    cut_somewhere(world, database, action)


@pytest.mark.parametrize("database", DATABASES)
def test_a_server_that_accepts_and_says_nothing(world: World, database):
    case = world.case()
    proxy_of(world, database).freeze_new()

    result = world.start("run", **IMPATIENT).wait(LONGEST_SECONDS)

    case.ended(result, exit_codes={75}, reason="temporary", says="could not connect")


@pytest.mark.parametrize("database", DATABASES)
def test_a_connection_that_ends_at_once(world: World, database):
    case = world.case()
    proxy_of(world, database).refuse_new()

    result = world.run("run")

    case.ended(result, exit_codes={75}, reason="temporary", says="could not connect")


@pytest.mark.parametrize("database", DATABASES)
def test_a_slow_network_is_no_failure(world: World, database):
    world.edit()
    case = world.case()
    proxy_of(world, database).delay(0.01)

    result = world.run("run")

    assert case.ended(result, exit_codes={0})


def test_a_stop_is_heard_while_the_login_waits(world: World):
    case = world.case()
    world.oracle_proxy.freeze_new()
    process = world.start("run")
    assert comes_true(lambda: world.oracle_proxy.open_links == 1)

    process.signal(signal.SIGTERM)

    result = process.wait(5)
    case.ended(result, exit_codes={143}, reason="stopped", says="Stopped by SIGTERM")


def test_a_stop_is_heard_while_a_frozen_target_takes_no_rows(world: World):
    world.edit()
    case = world.case()
    frozen = world.postgres_proxy.at_text(b"COPY", Link.freeze)
    process = world.start("run", "--full")
    assert frozen.wait(30)
    time.sleep(0.3)
    world.postgres_proxy.refuse_new()

    process.signal(signal.SIGTERM)

    result = process.wait(5)
    case.ended(result, exit_codes={143}, reason="stopped", says="Stopped by SIGTERM")


def test_a_cut_is_tried_again_while_the_server_still_keeps_the_lost_session(world: World):
    """A network that came back: the lost session must not lock its own run out."""
    world.edit()
    case = world.case()
    world.postgres_proxy.at_text(b"COPY", Link.lose_client)

    result = world.run("run", ETL_RETRY_SECONDS="30")

    assert case.ended(result, exit_codes={0})
    assert result.event("run_finished")["retries"] >= 1


def test_the_next_run_is_told_who_still_holds_the_lock(world: World):
    """Half open: the job's host is gone, the server does not know yet."""
    world.edit()
    case = world.case()
    frozen = world.postgres_proxy.at_text(b"COPY", Link.freeze)
    process = world.start("run")
    assert frozen.wait(30)
    process.signal(signal.SIGKILL)
    killed = process.wait()

    second = world.run("run")

    assert (second.exit_code, second.failure["reason"]) == (75, "locked")
    assert killed.events[-1]["run_id"] in second.failure["holder"]
    case.ended(killed, exit_codes={-9})


def test_idle_connections_are_kept_alive_on_both_sides(world: World):
    """What a firewall forgets is found out by the kernel of either side, and soon."""
    world.edit()
    case = world.case()
    world.standin.faults.delay(fetch=0.5)
    frozen = world.postgres_proxy.at_text(b"COPY", Link.freeze)
    process = world.start("run")
    assert frozen.wait(30)

    assert comes_true(lambda: len(_timers(process)) == 2)
    assert comes_true(lambda: all(timer == _KEEPALIVE_TIMER for timer in _timers(process)))
    ((idle,),) = world.target.query(
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
