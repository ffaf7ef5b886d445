"""A connection's socket below its driver: the bytes it has received, and its end by force."""

import contextlib
import os
import socket
import struct
import threading
import time
from pathlib import Path

from etl_sales_target.runtime import signals

_DESCRIPTORS = Path("/proc/self/fd")

# struct tcp_info (linux/tcp.h): __u64 tcpi_bytes_received
_BYTES_RECEIVED = struct.Struct("=Q")
_BYTES_RECEIVED_OFFSET = 128

_LOOK_EVERY_SECONDS = 1


class Watchdog:
    """Ends a connection in whose block somebody waits for longer than `seconds`.

    The driver then has `cancel_seconds` to cancel the call; as long when a signal comes that stops
    the job, as the driver may not hear it, or waits for the server even then. A thread looks once a
    second, so that a block, entered for each call of a driver, costs next to nothing. Blocks do not
    nest. Whoever made it, in the main thread, stops it there.
    """

    def __init__(self, descriptors: set[int], seconds: float, *, cancel_seconds: float) -> None:
        self._descriptors = descriptors
        self._seconds = seconds + cancel_seconds
        self._cancel_seconds = cancel_seconds
        self._deadline: float | None = None
        self._signals = signals.Arrivals()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def __enter__(self) -> None:
        self._deadline = time.monotonic() + self._seconds

    def __exit__(self, *_exc: object) -> None:
        self._deadline = None

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        self._thread.join()
        self._signals.close()

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_SECONDS):
            deadline = self._deadline
            if deadline is None:
                continue
            was_stopped = self._signals.seconds_since() > self._cancel_seconds
            if was_stopped or time.monotonic() > deadline:
                shut_down(self._descriptors)


def open_sockets() -> set[int]:
    """The file descriptors of this process that are sockets."""
    return {int(link.name) for link in _DESCRIPTORS.glob("*") if link.is_socket()}


def bytes_received(descriptors: set[int]) -> int | None:
    """The bytes that these TCP sockets have received; None where the kernel does not tell.

    It works for a driver that hides its socket, in Python or in a client library.
    """
    counts = [count for count in map(_received, descriptors) if count is not None]
    return sum(counts) if counts else None


def shut_down(descriptors: set[int]) -> None:
    """Ends these connections under whoever waits for them, from any thread."""
    for descriptor in descriptors:
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(descriptor)) as duplicate,
        ):
            duplicate.shutdown(socket.SHUT_RDWR)


def _received(descriptor: int) -> int | None:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as duplicate:
            size = _BYTES_RECEIVED_OFFSET + _BYTES_RECEIVED.size
            info = duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
    except OSError:
        return None
    if len(info) < size:
        return None
    return int(_BYTES_RECEIVED.unpack_from(info, _BYTES_RECEIVED_OFFSET)[0])
