"""Servers that are broken or malicious: garbage, endless rows, lengths that no memory holds."""

import contextlib
import signal
import sys
from collections.abc import Callable

import pytest

from faults.harness import BATCH_ROWS, IMPATIENT, FaultHarness, some
from faults.processes import Process
from faults.proxy import Direction, Link
from faults.test_network import LONGEST_SECONDS, bytes_of_a_run, proxy_of
from oracle_standin import calls

DATABASES = ["oracle", "postgres"]
CASES = range(10)

# Address space, of which threads and libraries reserve far more than they use.
MEMORY_BYTES = 1 << 30
_LIMIT_AND_START = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, [{MEMORY_BYTES}] * 2)
os.execv(sys.argv[1], sys.argv[1:])
"""
LIMITED = (sys.executable, "-c", _LIMIT_AND_START)

# A length that says two gigabytes are to come, in the place where each protocol has it.
HUGE = {"oracle": b"\x7f\xff\xff\xff\x06\x00\x00\x00", "postgres": b"D\x7f\xff\xff\xff"}
# More keeps Oracle's driver busy for longer than a test may take: it copies what it has each time.
FLOOD_BYTES = 1 << 20


def flood(start: bytes, block: bytes) -> Callable[[Link], None]:
    """Sends this to the job, in place of what the server says, and then nothing."""

    def act(link: Link) -> None:
        link.freeze()
        with contextlib.suppress(OSError):
            link.client.sendall(start)
            for _ in range(FLOOD_BYTES // len(block)):
                link.client.sendall(block)

    return act


def garble_somewhere(harness: FaultHarness, database: str) -> bool:
    """One random bit of what a server says is turned over; returns whether it came to pass."""
    chosen, proxy = harness.random, proxy_of(harness, database)
    arguments = chosen.choice([("run",), ("run", "--full")])
    usual = bytes_of_a_run(harness, proxy, arguments)
    harness.edit()
    case = harness.case()
    garbled = proxy.garble(chosen.randrange(usual[Direction.DOWN]), 1 << chosen.randrange(8))
    result = harness.start(*arguments, **IMPATIENT).wait(LONGEST_SECONDS)

    # Whatever it was taken for: what is committed is right.
    case.ended(result, exit_codes={0, 65, 69, 75, 77, 78, 70}, bug_is_allowed=True)
    return garbled.is_set()


@pytest.mark.parametrize("number", some(2, CASES))
@pytest.mark.parametrize("database", DATABASES)
def test_a_garbled_answer_is_never_loaded(harness: FaultHarness, database, number):
    garble_somewhere(harness, database)


BLOCKS = {"text": b"HTTP/1.1 400 Bad Request\r\n", "zeros": b"\0", "ones": b"\xff"}


@pytest.mark.parametrize("share", [0.0, 0.6], ids=["at the login", "in mid-read"])
@pytest.mark.parametrize("block", some(1, list(BLOCKS)))
@pytest.mark.parametrize("database", DATABASES)
def test_a_flood_of_garbage(harness: FaultHarness, database, block, share):
    proxy = proxy_of(harness, database)
    usual = bytes_of_a_run(harness, proxy, ("run", "--full"))[Direction.DOWN]
    case = harness.case()
    proxy.at_byte(int(usual * share), flood(HUGE[database], BLOCKS[block] * 4096), Direction.DOWN)

    process = Process(["run", "--full"], harness.environ | IMPATIENT, prefix=LIMITED)
    result = process.wait(LONGEST_SECONDS)

    crashed = -signal.SIGSEGV
    # Seen at some bytes, not at others: Oracle's thin driver crashes, which no code here can catch.
    may_crash = database == "oracle" and block == "zeros"
    case.ended(result, exit_codes={75, crashed} if may_crash else {75}, reason="temporary")
    assert result.exit_code != crashed or "Fatal Python error" in result.stderr


def test_endless_rows_are_broken_off(harness: FaultHarness, monkeypatch: pytest.MonkeyPatch):
    """The source counts its rows, and then sends the first ones for ever."""
    harness.edit()
    case = harness.case()
    honest = calls.Calls._rows
    sent: dict[int, tuple] = {}

    def endless(self: calls.Calls, cursor: calls.Cursor, most: int) -> tuple:
        if "target_amount" not in cursor.sql.lower() or most < BATCH_ROWS:
            return honest(self, cursor, most)
        return sent.setdefault(id(cursor), honest(self, cursor, most))

    monkeypatch.setattr(calls.Calls, "_rows", endless)
    process = Process(["run", "--full"], harness.environ, prefix=LIMITED)
    result = process.wait(LONGEST_SECONDS)
    monkeypatch.undo()

    case.ended(result, exit_codes={65}, reason="reconciliation_failed", says="more rows than")
