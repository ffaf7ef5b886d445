"""SIGTERM and SIGINT end the job as an error, once, and not where it must not be interrupted."""

import contextlib
import os
import signal
import time
import weakref
from collections.abc import Iterator

import pytest

from etl_sales_target.core.errors import StoppedError
from etl_sales_target.runtime import signals

STOPPING = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOPPING}
    signals.raise_on_stop()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOPPING)
def test_the_signal_becomes_an_error(number: signal.Signals) -> None:
    with pytest.raises(StoppedError, match=f"Stopped by {number.name}; nothing was committed") as e:
        send(number)

    assert e.value.exit_code == 143


@pytest.mark.parametrize("number", STOPPING)
def test_a_second_signal_does_not_disturb_the_cleaning_up(number: signal.Signals) -> None:
    with pytest.raises(StoppedError):
        send(signal.SIGTERM)
    send(number)


def hold(
    *, seconds: float = 0, then_fail: bool = False, stopped_by: signal.Signals | None = None
) -> None:
    with signals.deferred():
        time.sleep(seconds)
        if stopped_by:
            send(stopped_by)
        if then_fail:
            raise KeyError


@pytest.mark.parametrize("number", STOPPING)
def test_a_held_block_that_succeeds_was_quicker_than_the_signal(number: signal.Signals) -> None:
    hold(stopped_by=number)
    send(number)


@pytest.mark.parametrize("number", STOPPING)
def test_a_held_block_that_fails_was_stopped_by_the_signal(number: signal.Signals) -> None:
    with pytest.raises(StoppedError, match=number.name):
        hold(then_fail=True, stopped_by=number)


def test_a_held_block_that_fails_by_itself_leaves_the_signals_heard() -> None:
    with pytest.raises(KeyError):
        hold(then_fail=True)
    with pytest.raises(StoppedError):
        send(signal.SIGTERM)


def test_a_block_may_be_heard_where_signals_are_ignored() -> None:
    signals.ignore()
    with pytest.raises(StoppedError), signals.enabled():
        send(signal.SIGTERM)
    with signals.enabled():
        pass
    send(signal.SIGTERM)


def test_a_stop_passes_whatever_catches_exceptions() -> None:
    """As a library does that tries something else, or goes on without."""
    with pytest.raises(StoppedError):  # noqa: PT012
        try:
            send(signal.SIGTERM)
        except Exception:  # noqa: BLE001
            pytest.fail("swallowed")


def swallow(number: signal.Signals) -> None:
    with contextlib.suppress(BaseException):
        send(number)


@pytest.mark.parametrize("number", STOPPING)
def test_nothing_is_committed_once_a_stop_was_swallowed_after_all(number: signal.Signals) -> None:
    swallow(number)

    with pytest.raises(StoppedError, match=number.name):
        hold()


def test_a_block_fails_by_a_stop_that_was_swallowed_in_it() -> None:
    with pytest.raises(StoppedError), signals.stop_takes_precedence():
        swallow(signal.SIGTERM)
    with pytest.raises(StoppedError), signals.stop_takes_precedence():
        raise KeyError("of a library that cleans up")


def test_a_stop_during_what_follows_the_commit_fails_nothing_later() -> None:
    with signals.stop_takes_precedence():
        hold()
        with contextlib.suppress(StoppedError), signals.enabled():
            send(signal.SIGTERM)


class Referred:
    """Something that a weak reference can point to."""


def stop_in_a_callback(number: signal.Signals) -> None:
    """Python calls it when the object goes, and passes no error of it on."""
    referred = Referred()
    reference = weakref.ref(referred, lambda _: send(number))
    del referred
    assert reference() is None


@pytest.mark.parametrize("number", STOPPING)
def test_a_stop_that_python_swallows_comes_again(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_in_a_callback(number)

    with pytest.raises(StoppedError, match=number.name):
        time.sleep(5)
    assert capsys.readouterr().err == ""


def test_a_stop_that_comes_again_during_a_commit_is_too_late() -> None:
    stop_in_a_callback(signal.SIGTERM)
    hold(seconds=0.2)


def test_a_stop_that_comes_again_during_a_commit_that_fails_counts() -> None:
    stop_in_a_callback(signal.SIGTERM)
    with pytest.raises(StoppedError):
        hold(seconds=0.2, then_fail=True)


def test_other_errors_that_python_swallows_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: object) -> None:
        raise KeyError("lost")

    referred = Referred()
    reference = weakref.ref(referred, fail)
    del referred

    assert reference() is None
    assert "KeyError: 'lost'" in capsys.readouterr().err
