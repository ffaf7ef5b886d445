"""One random fault in one random run, and what must hold after it."""

import signal
import time
from collections.abc import Callable

from support.faults.harness import (
    COMMIT,
    IMPATIENT,
    LOADS_COMMIT,
    LONGEST_SECONDS,
    FaultHarness,
)
from support.faults.proxy import CUTS, Direction, Link, Proxy

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
COMMANDS = [
    ("run",),
    ("run", "--full"),
    ("backfill", "--from", "2024-01", "--to", "2024-12"),
]


# What the target is told, and how often, after which a run no longer needs the network to each
# database: with Oracle it has done but for the logout; PostgreSQL may have the whole load.
NO_LONGER_NEEDED = {
    "oracle": (b"DELETE FROM mb.etl_sales_target_periods", 1),
    "postgres": (COMMIT, LOADS_COMMIT),
}


def kill_somewhere(harness: FaultHarness) -> str:
    """One random kill of one random command; returns which, and what it had logged before."""
    chosen = harness.random
    arguments, number = chosen.choice(COMMANDS), chosen.choice(SIGNALS)
    cold = chosen.random() < 0.1
    longest = _seconds(harness, arguments, cold=cold)
    harness.edit()
    case = harness.case()
    process = (harness.start_cold if cold else harness.start)(*arguments)
    time.sleep(chosen.uniform(0, longest * 1.1))
    process.signal(number)
    result = process.wait()

    # Before the command has taken over its signals, they end it as they end any Python.
    stopped = {-number} if number is signal.SIGKILL or not result.events else {143}
    committed = case.ended(result, exit_codes=stopped | {0})
    assert not (committed and result.exit_code == 143)
    reached = [event["event"] for event in result.events if event["event"] != "run_failed"]
    return f"{number.name} after {reached[-1] if reached else 'its start'}"


def cut_somewhere(harness: FaultHarness, database: str, action: str) -> bool:
    """One random cut in a random run; returns whether the run came so far."""
    chosen = harness.random
    proxy, direction = harness.proxy_of(database), chosen.choice(list(Direction))
    arguments = chosen.choice([("run",), ("run", "--full")])
    usual = bytes_of_a_run(harness, proxy, arguments)
    harness.edit()
    case = harness.case()
    text, nth = NO_LONGER_NEEDED[database]
    last_use = harness.postgres_proxy.at_text(text, lambda _link: None, nth=nth)
    was_late: list[bool] = []

    def cut(link: Link) -> None:
        was_late.append(last_use.is_set())
        CUTS[action](link)

    proxy.at_byte(chosen.randrange(usual[direction]), cut, direction)
    result = harness.start(*arguments, **IMPATIENT).wait(LONGEST_SECONDS)

    if was_late == [False]:
        exit_codes = {75}
    elif was_late and database == "postgres":
        exit_codes = {0, 75}  # By what became of the COMMIT: `ended` asks the ledger.
    else:
        exit_codes = {0}
    case.ended(result, exit_codes=exit_codes, reason="temporary")
    return bool(was_late)


def garble_somewhere(harness: FaultHarness, database: str) -> bool:
    """One random bit of what a server says is turned over; returns whether it came to pass."""
    chosen, proxy = harness.random, harness.proxy_of(database)
    arguments = chosen.choice([("run",), ("run", "--full")])
    usual = bytes_of_a_run(harness, proxy, arguments)
    harness.edit()
    case = harness.case()
    garbled = proxy.garble(chosen.randrange(usual[Direction.DOWN]), 1 << chosen.randrange(8))
    result = harness.start(*arguments, **IMPATIENT).wait(LONGEST_SECONDS)

    # Whatever it was taken for: what is committed is right.
    case.ended(result, exit_codes={0, 65, 69, 75, 77, 78, 70}, bug_is_allowed=True)
    return garbled.is_set()


def until_reached(one_case: Callable[[], bool]) -> None:
    """Such cases until one was reached: a run may be shorter than the one that was measured."""
    assert any(one_case() for _ in range(5))


def bytes_of_a_run(
    harness: FaultHarness, proxy: Proxy, arguments: tuple[str, ...]
) -> dict[Direction, int]:
    """What passes undisturbed, in each direction."""
    known: dict[object, dict[Direction, int]] = vars(harness).setdefault("bytes", {})
    key = (proxy, arguments)
    if key not in known:
        harness.edit()
        harness.reset_faults()
        assert harness.run(*arguments).exit_code == 0
        known[key] = dict(proxy.passed)
    harness.reset_faults()
    return known[key]


def _seconds(harness: FaultHarness, arguments: tuple[str, ...], *, cold: bool) -> float:
    """How long the command takes undisturbed."""
    known: dict[object, float] = vars(harness).setdefault("seconds", {})
    key = (arguments, cold)
    if key not in known:
        harness.edit()
        process = (harness.start_cold if cold else harness.start)(*arguments)
        assert process.wait().exit_code == 0
        known[key] = process.seconds
    return known[key]
