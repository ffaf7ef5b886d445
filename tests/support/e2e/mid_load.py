"""A load that stands still in its middle until a test has done what it wants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from oracle_standin import OracleStandin

LONGEST_SECONDS = 120
# A batch of at most so many rows ends before the hold.
BATCH_ROWS = 5
_ROWS_BEFORE_THE_HOLD = 10
# The query for the rows themselves: the others end in a count, a sum or a hash.
_ROWS_QUERY = "target_amount \nFROM"


@contextmanager
def held_in_mid_load(standin: OracleStandin) -> Iterator[threading.Event]:
    """Stops the rows after the tenth until the faults are cleared; the event says when."""
    reached, resumed = threading.Event(), threading.Event()

    def hold(rows: int) -> None:
        if rows >= _ROWS_BEFORE_THE_HOLD:
            reached.set()
            resumed.wait(LONGEST_SECONDS)

    standin.faults.before_fetch(hold, on=_ROWS_QUERY)
    try:
        yield reached
    finally:
        standin.faults.clear()
        resumed.set()
