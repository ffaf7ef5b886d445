"""A deadline: what ends in time is as if called here, what does not is given up."""

import subprocess
import sys
import threading
import time

import pytest
import structlog

from etl_sales_target.runtime import deadline
from etl_sales_target.runtime.deadline import DeadlineError

SLEEPER = """
import time
from etl_sales_target.runtime import deadline
try:
    deadline.call(lambda: time.sleep(60), seconds=0.1)
except deadline.DeadlineError:
    pass
"""


def test_the_result() -> None:
    assert deadline.call(lambda: 3, seconds=5) == 3


def test_the_error() -> None:
    def fail() -> None:
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        deadline.call(fail, seconds=5)


def test_what_takes_longer_is_given_up() -> None:
    ended = threading.Event()
    start = time.monotonic()
    with pytest.raises(DeadlineError, match=r"no answer within 0\.2 s"):
        deadline.call(lambda: ended.wait(30), seconds=0.2)
    ended.set()

    assert time.monotonic() - start < 5


def test_the_log_knows_the_run_there_too() -> None:
    with structlog.contextvars.bound_contextvars(run_id="r1"):
        context = deadline.call(structlog.contextvars.get_contextvars, seconds=5)

    assert context == {"run_id": "r1"}


def test_the_process_does_not_wait_for_it_at_its_end() -> None:
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", SLEEPER], check=True)

    assert time.monotonic() - start < 20
