"""A deadline for what has none of its own, or whose own does not cover all of it."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


class DeadlineError(Exception):
    """The function has not ended in time."""


def call(function: Callable[[], T], *, seconds: float) -> T:
    """The function's result or error; raises DeadlineError where it takes longer.

    It runs in a thread of its own, which is then given up: neither the caller nor the process's end
    waits for it. The caller hears a signal at once, whatever the function is in the middle of.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            result.set_exception(error)

    # The log's lines have the run's id there too.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=[run], daemon=True).start()
    if not wait([result], seconds).done:
        raise DeadlineError(f"no answer within {seconds:g} s")
    return result.result()
