"""Servers that are broken or malicious: garbage, endless rows, lengths that no memory holds."""

import contextlib
import signal
from collections.abc import Callable
from typing import Any

import pytest

from oracle_standin import calls
from support.faults.at_random import bytes_of_a_run, garble_somewhere, until_reached
from support.faults.harness import BATCH_ROWS, DATABASES, IMPATIENT, LONGEST_SECONDS, FaultHarness
from support.faults.proxy import Direction, Link
from support.faults.suite import some
from support.processes import LIMITED, Process

CASES = range(10)

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


@pytest.mark.parametrize("number", some(2, CASES))
@pytest.mark.parametrize("database", DATABASES)
def test_a_garbled_answer_is_never_loaded(
    harness: FaultHarness, database: str, number: int
) -> None:
    until_reached(lambda: garble_somewhere(harness, database))


BLOCKS = {"text": b"HTTP/1.1 400 Bad Request\r\n", "zeros": b"\0", "ones": b"\xff"}


@pytest.mark.parametrize("share", [0.0, 0.6], ids=["at the login", "in mid-read"])
@pytest.mark.parametrize("block", some(1, list(BLOCKS)))
@pytest.mark.parametrize("database", DATABASES)
def test_a_flood_of_garbage(harness: FaultHarness, database: str, block: str, share: float) -> None:
    proxy = harness.proxy_of(database)
    usual = bytes_of_a_run(harness, proxy, ("run", "--full"))[Direction.DOWN]
    case = harness.case()
    garbage = flood(HUGE[database], BLOCKS[block] * 4096)
    flooded = proxy.at_byte(int(usual * share), garbage, Direction.DOWN)

    process = Process(["run", "--full"], harness.environ | IMPATIENT, prefix=LIMITED)
    result = process.wait(LONGEST_SECONDS)

    assert flooded.wait(LONGEST_SECONDS)
    crashed = -signal.SIGSEGV
    # Seen at some bytes, not at others: Oracle's thin driver crashes, which no code here can catch.
    may_crash = database == "oracle" and block == "zeros"
    case.ended(result, exit_codes={75, crashed} if may_crash else {75}, reason="temporary")
    assert result.exit_code != crashed or "Fatal Python error" in result.stderr


def test_endless_rows_are_broken_off(
    harness: FaultHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source counts its rows, and then sends the first ones for ever."""
    harness.edit()
    case = harness.case()
    honest = calls.Calls._rows
    sent: dict[int, tuple[Any, ...]] = {}

    def endless(self: calls.Calls, cursor: calls.Cursor, most: int) -> tuple[Any, ...]:
        if "target_amount" not in cursor.sql.lower() or most < BATCH_ROWS:
            return honest(self, cursor, most)
        return sent.setdefault(id(cursor), honest(self, cursor, most))

    monkeypatch.setattr(calls.Calls, "_rows", endless)
    process = Process(["run", "--full"], harness.environ, prefix=LIMITED)
    result = process.wait(LONGEST_SECONDS)
    monkeypatch.undo()

    assert sent
    case.ended(result, exit_codes={65}, reason="reconciliation_failed", says="more rows than")
