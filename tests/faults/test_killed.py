"""Killed anywhere: at random moments, and just before, during and after the commit."""

import signal
import time

import pytest

from faults.proxy import Link
from faults.world import World

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
COMMANDS = [
    ("run",),
    ("run", "--full"),
    ("backfill", "--from", "2024-01", "--to", "2024-12"),
]
SHORT_CASES = 18

# The ledger's own note that the run began is the first commit, the load's is the second.
LOADS_COMMIT = 2


def kill_somewhere(world: World) -> str:
    """One random kill of one random command; returns what it had logged last."""
    chosen = world.random
    arguments, number = chosen.choice(COMMANDS), chosen.choice(SIGNALS)
    cold = chosen.random() < 0.1
    longest = _seconds(world, arguments, cold=cold)
    world.edit()
    case = world.case()
    process = world.start(*arguments, cold=cold)
    time.sleep(chosen.uniform(0, longest * 1.1))
    process.signal(number)
    result = process.wait()

    # Before the command has taken over its signals, they end it as they end any process.
    stopped = {-number} if number is signal.SIGKILL or not result.stderr else {143}
    committed = case.ended(result, exit_codes=stopped | {0})
    assert not (committed and result.exit_code == 143)
    return result.events[-1]["event"] if result.events else "nothing"


def _seconds(world: World, arguments: tuple[str, ...], *, cold: bool) -> float:
    """How long the command takes undisturbed."""
    known: dict = vars(world).setdefault("seconds", {})
    key = (arguments, cold)
    if key not in known:
        world.edit()
        process = world.start(*arguments, cold=cold)
        assert process.wait().exit_code == 0
        known[key] = process.seconds
    return known[key]


@pytest.mark.parametrize("case", range(SHORT_CASES))
def test_killed_at_a_random_moment(world: World, case):
    kill_somewhere(world)
