"""What is tried again, how often, and how long the pauses are."""

import pytest
import structlog
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from etl_sales_target.core.errors import (
    ConfigurationError,
    DataError,
    JobError,
    LockedError,
    NotAllowedError,
    NotFoundError,
    StoppedError,
    TemporaryError,
)
from etl_sales_target.runtime import retrying

FINAL = [
    ConfigurationError, DataError, JobError, LockedError, NotAllowedError, NotFoundError,
    StoppedError,
]  # fmt: skip


class Work:
    """Fails with this error on its first attempts, and remembers the pauses between them."""

    def __init__(self, error: BaseException, failures: int) -> None:
        self.error = error
        self.failures = failures
        self.attempts = 0
        self.pauses: list[float] = []

    def run(self, retry_budget_seconds: int) -> None:
        attempts = retrying.attempts(retry_budget_seconds)
        attempts.sleep = self.pauses.append
        for attempt in attempts:
            with attempt:
                self.attempts += 1
                if self.attempts <= self.failures:
                    raise self.error


def test_a_temporary_error_is_tried_again_until_it_is_gone() -> None:
    work = Work(TemporaryError("busy"), failures=3)
    work.run(120)

    assert work.attempts == 4


@pytest.mark.parametrize(
    "error", [*(kind("no") for kind in FINAL), ValueError(), KeyboardInterrupt()], ids=repr
)
def test_everything_else_is_final(error: BaseException) -> None:
    work = Work(error, failures=1)
    with pytest.raises(type(error)) as e:
        work.run(120)

    assert e.value is error
    assert work.attempts == 1


@given(st.integers(0, 600))
def test_the_pauses_grow_and_fit_into_the_time(retry_budget_seconds: int) -> None:
    work = Work(TemporaryError("busy"), failures=1000)
    with pytest.raises(TemporaryError):
        work.run(retry_budget_seconds)

    assert sum(work.pauses) <= retry_budget_seconds
    assert all(pause <= 31 for pause in work.pauses)
    assert all(pause >= 2**number for number, pause in enumerate(work.pauses[:5]))
    assert work.attempts == len(work.pauses) + 1
    # What is left is shorter than the next pause.
    assert sum(work.pauses) > retry_budget_seconds - 31


def test_with_no_time_there_is_one_attempt() -> None:
    work = Work(TemporaryError("busy"), failures=1000)
    with pytest.raises(TemporaryError):
        work.run(0)

    assert work.attempts == 1


def test_the_last_error_comes_out_as_itself() -> None:
    error = TemporaryError("busy", code="ORA-12541")
    with pytest.raises(TemporaryError) as e:
        Work(error, failures=1000).run(2)

    assert e.value is error
    assert not isinstance(e.value.__cause__, tenacity.RetryError)


def test_a_pause_is_logged_with_its_reason() -> None:
    with structlog.testing.capture_logs() as logged:
        Work(TemporaryError("busy", code="ORA-12541", remedy="Wait."), failures=1).run(120)

    [event] = logged
    assert event["event"] == "retry_scheduled"
    assert event["log_level"] == "warning"
    assert event["attempt"] == 1
    assert event["code"] == "ORA-12541"
    assert event["error"] == "busy Wait."
    assert 1 <= event["pause_seconds"] <= 2
