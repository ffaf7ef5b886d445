"""SIGTERM and SIGINT end the job in order: as an error that every step cleans up after."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from etl_sales_target.core.errors import StoppedError

_STOPPING = (signal.SIGTERM, signal.SIGINT)

# Until then whatever swallowed a stop is over.
_AGAIN_SECONDS = 0.02

_stops: list[StoppedError] = []


def raise_on_stop() -> None:
    """From now on the first of these signals raises StoppedError, wherever the process is."""
    _stops.clear()
    for number in _STOPPING:
        signal.signal(number, _stop)
    sys.unraisablehook = _redeliver


@contextlib.contextmanager
def stop_takes_precedence() -> Iterator[None]:
    """Once a stop was raised in the block, the block fails by that stop.

    It may be raised inside a library, whose cleaning up then fails with an error of its own, which
    would be tried again; or which swallows whatever is raised.
    """
    try:
        yield
    except Exception as error:
        if _stops:
            raise _stops[0] from error
        raise
    if _stops:
        raise _stops[0]


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Lets the block end as a whole, and decide.

    Where it fails, a signal that came during it counts now. Where it succeeds, that one and all
    later ones come too late. (A mask would not do: it is each thread's own, and others may run.)
    It does not begin where a stop was raised already, and swallowed.
    """
    waiting: list[int] = []
    for number in _STOPPING:
        signal.signal(number, lambda number, _frame: waiting.append(number))
    if _stops:
        _hear_nothing()
        raise _stops[0]
    try:
        yield
    except BaseException:
        raise_on_stop()
        if waiting:
            _stop(waiting[0], None)
        raise
    ignore()


@contextlib.contextmanager
def enabled() -> Iterator[None]:
    """Lets these signals end the block, by StoppedError, though they are ignored around it."""
    raise_on_stop()
    try:
        yield
    finally:
        ignore()


def ignore() -> None:
    """From now on these signals do nothing, nor does a stop that was raised before.

    How the run ended is decided; what is left is short and must end.
    """
    _hear_nothing()
    _stops.clear()


def _hear_nothing() -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _stop(number: int, _frame: FrameType | None) -> None:
    # Cleaning up must not be interrupted by an impatient second signal.
    _hear_nothing()
    name = signal.Signals(number).name
    stop = StoppedError(f"Stopped by {name}; nothing was committed.", signal=name)
    _stops.append(stop)
    raise stop


def _redeliver(unraisable: "sys.UnraisableHookArgs") -> None:
    """Repeats a signal whose error was raised where Python lets none pass, only prints it.

    Such places are finalisers and the callbacks of weak references, wherever a library has one.
    """
    stop = unraisable.exc_value
    if not isinstance(stop, StoppedError):
        sys.__unraisablehook__(unraisable)
        return
    raise_on_stop()
    number = signal.Signals[stop.fields["signal"]]
    # To the process, not to this thread: the main one may be waiting for a server.
    again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()
