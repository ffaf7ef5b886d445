"""SIGTERM and SIGINT end the job in order: as an error that every step cleans up after."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from etl_sales_target.errors import StoppedError

_STOPPING = (signal.SIGTERM, signal.SIGINT)


def raise_on_stop() -> None:
    """From now on the first of these signals raises StoppedError, wherever the process is."""
    for number in _STOPPING:
        signal.signal(number, _stop)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Keeps the signals waiting until the block ends, so that it ends as a whole."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(number: int, _frame: FrameType | None) -> None:
    # Cleaning up must not be interrupted by an impatient second signal.
    for each in _STOPPING:
        signal.signal(each, signal.SIG_IGN)
    raise StoppedError(f"Stopped by {signal.Signals(number).name}; nothing was committed.")
