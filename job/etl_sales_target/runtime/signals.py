"""SIGTERM and SIGINT end the job in order: as an error that every step cleans up after."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from etl_sales_target.core.errors import StoppedError

_STOPPING = (signal.SIGTERM, signal.SIGINT)

# Until then whatever swallowed a stop is over.
_AGAIN_SECONDS = 0.02

_NOTHING = "nothing was committed"
_MOST_ARRIVALS = 4096

_stops: list[StoppedError] = []

# The numbers of signals that came while they were postponed.
_postponed: list[int] = []


def raise_on_stop() -> None:
    """From now on the first of these signals raises StoppedError, wherever the process is."""
    _postponed.clear()
    _listen()


def _listen() -> None:
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


class Arrivals:
    """Whether one of these signals has come, for a thread that watches the main one.

    Python hears a signal between two of its own instructions: not while a library waits for a
    server, if the signal came just before. The kernel's news of it come through a pipe.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._since: float | None = None

    def close(self) -> None:
        """Listens no more. Call it in the main thread, as the constructor."""
        signal.set_wakeup_fd(self._before)
        os.close(self._reader)
        os.close(self._writer)

    def seconds_since(self) -> float:
        """How long ago the first one was seen here; 0 where none has come."""
        if self._since is None:
            with contextlib.suppress(BlockingIOError):
                if set(os.read(self._reader, _MOST_ARRIVALS)) & set(_STOPPING):
                    self._since = time.monotonic()
        return time.monotonic() - self._since if self._since is not None else 0


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Lets the block end as a whole, and decide.

    Where it fails, a signal that came during it counts now. Where it succeeds, that one and all
    later ones come too late for it. (A mask would not do: it is each thread's own, and others may
    run.) It does not begin where a stop was raised already, and swallowed.
    """
    if _stops:
        _hear_nothing()
        raise _stops[0]
    postpone()
    try:
        yield
    except BaseException:
        resume()
        raise


@contextlib.contextmanager
def enabled() -> Iterator[None]:
    """Lets these signals end the block, by StoppedError, though they are postponed around it."""
    _listen()
    try:
        yield
    except StoppedError as stop:
        _postponed.append(signal.Signals[stop.fields["signal"]])
        raise
    finally:
        postpone()


def postpone() -> None:
    """From now on these signals are kept for `resume`; a stop that was raised before is forgotten.

    How the load ended is decided; what is left of it is short and must end.
    """
    _stops.clear()
    for number in _STOPPING:
        signal.signal(number, lambda number, _frame: _postponed.append(number))


def resume(consequence: str = _NOTHING) -> None:
    """Ends `postpone`. Raises StoppedError, which says this, where a signal came meanwhile."""
    came = list(_postponed)
    raise_on_stop()
    if came:
        _stop(came[0], None, consequence)


def ignore() -> None:
    """From now on these signals do nothing, to the end of the process."""
    _hear_nothing()
    _stops.clear()


def _hear_nothing() -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _stop(number: int, _frame: FrameType | None, consequence: str = _NOTHING) -> None:
    # Cleaning up must not be interrupted by an impatient second signal.
    _hear_nothing()
    name = signal.Signals(number).name
    stop = StoppedError(f"Stopped by {name}; {consequence}.", signal=name)
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
