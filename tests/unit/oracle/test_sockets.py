"""The end of a connection by force, when somebody has waited for too long."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from etl_sales_target.oracle import sockets as traffic
from etl_sales_target.oracle.sockets import Watchdog
from support.inprocess import signals_as_they_are

ENDS_WITHIN_SECONDS = 5

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of a connection: the watched one, and its peer, which says nothing."""
    watched, peer = socket.socketpair()
    with watched, peer:
        yield watched, peer


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_LOOK_EVERY_SECONDS", 0.01)


@contextlib.contextmanager
def watching(connection: socket.socket, seconds: float) -> Iterator[Watchdog]:
    watchdog = Watchdog({connection.fileno()}, seconds, cancel_seconds=0)
    yield watchdog
    watchdog.stop()


def test_a_wait_that_is_too_long_ends(looks_often: None, pair: Pair) -> None:
    connection, _ = pair
    connection.settimeout(ENDS_WITHIN_SECONDS)
    with watching(connection, 0.05) as watchdog, watchdog:
        assert connection.recv(1) == b""


def test_short_waits_never_add_up(looks_often: None, pair: Pair) -> None:
    connection, peer = pair
    with watching(connection, 0.2) as watchdog:
        for _ in range(10):
            with watchdog:
                time.sleep(0.05)
    peer.sendall(b"x")
    assert connection.recv(1) == b"x"


def test_what_happens_between_two_waits_is_nobodys_wait(looks_often: None, pair: Pair) -> None:
    connection, peer = pair
    with watching(connection, 0.05) as watchdog:
        with watchdog:
            pass
        time.sleep(0.3)
    peer.sendall(b"x")
    assert connection.recv(1) == b"x"


def test_a_wait_in_which_a_signal_comes_ends_soon(looks_often: None, pair: Pair) -> None:
    """Even where Python does not hear it, as it waits inside a driver."""
    connection, _ = pair
    connection.settimeout(ENDS_WITHIN_SECONDS)
    with signals_as_they_are(), watching(connection, 60) as watchdog, watchdog:
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)
        os.kill(os.getpid(), signal.SIGTERM)
        assert connection.recv(1) == b""


def test_other_signals_and_earlier_ones_end_nothing(looks_often: None, pair: Pair) -> None:
    connection, peer = pair
    with signals_as_they_are():
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)
        os.kill(os.getpid(), signal.SIGTERM)
        with watching(connection, 60) as watchdog, watchdog:
            os.kill(os.getpid(), signal.SIGWINCH)
            time.sleep(0.2)
    peer.sendall(b"x")
    assert connection.recv(1) == b"x"


def test_a_stopped_watchdog_leaves_no_thread(looks_often: None, pair: Pair) -> None:
    before = threading.active_count()
    with watching(pair[0], 60):
        assert threading.active_count() == before + 1
    deadline = time.monotonic() + ENDS_WITHIN_SECONDS
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before
