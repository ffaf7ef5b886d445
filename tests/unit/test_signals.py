"""SIGTERM and SIGINT end the job as an error, once, and not where it must not be interrupted."""

import os
import signal
from collections.abc import Iterator

import pytest

from etl_sales_target import signals
from etl_sales_target.errors import StoppedError

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
def test_the_signal_becomes_an_error(number: signal.Signals):
    with pytest.raises(StoppedError, match=f"Stopped by {number.name}; nothing was committed") as e:
        send(number)

    assert e.value.exit_code == 143


@pytest.mark.parametrize("number", STOPPING)
def test_a_second_signal_does_not_disturb_the_cleaning_up(number: signal.Signals):
    with pytest.raises(StoppedError):
        send(signal.SIGTERM)
    send(number)


def test_a_held_signal_comes_when_the_block_has_ended():
    steps = []

    def work() -> None:
        with signals.held():
            send(signal.SIGTERM)
            steps.append("the block goes on")
        steps.append("never reached")

    with pytest.raises(StoppedError):
        work()
    assert steps == ["the block goes on"]


def test_holding_ends_with_an_error_as_well():
    def fail() -> None:
        with signals.held():
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(StoppedError):
        send(signal.SIGTERM)
