"""Which failures are tried again, and how long."""

from collections.abc import Callable

import structlog
import tenacity

from etl_sales_target.core.errors import JobError, LockedError, TemporaryError

log = structlog.get_logger()

_FIRST_PAUSE_SECONDS = 1
_LONGEST_PAUSE_SECONDS = 30


def attempts(
    retry_budget_seconds: int, before_pause: Callable[[float], None] = lambda _seconds: None
) -> tenacity.Retrying:
    """Attempts to iterate over, with growing pauses of `retry_budget_seconds` in all between them.

    `before_pause` is told the seconds of each pause.

    The work itself does not count: a load that fails after an hour is tried again like one that
    fails at once.
    """

    def before_sleep(state: tenacity.RetryCallState) -> None:
        _log_pause(state)
        before_pause(state.upcoming_sleep)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_worth_retrying),
        wait=tenacity.wait_exponential_jitter(
            initial=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS
        ),
        stop=lambda state: state.idle_for + state.upcoming_sleep > retry_budget_seconds,
        before_sleep=before_sleep,
        reraise=True,
    )


def is_worth_retrying(error: BaseException) -> bool:
    """Whatever is temporary, but a run of somebody else: that one does our work."""
    return isinstance(error, TemporaryError) and not isinstance(error, LockedError)


def _log_pause(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning(
        "retry_scheduled",
        attempt=state.attempt_number,
        pause_seconds=round(state.upcoming_sleep, 1),
        error=str(error),
        code=error.code if isinstance(error, JobError) else None,
    )
