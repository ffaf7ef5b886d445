"""A connection to PostgreSQL whose statements end early where their client no longer wants them."""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

_LOOK_EVERY_SECONDS = 0.02
_CANCEL_SECONDS = 1

RV = TypeVar("RV")


class InterruptibleConnection(psycopg.Connection[Any]):
    """While PostgreSQL computes, asks now and then whether it still should.

    `is_interrupted` is called from within a statement. Once it says so, the statement ends with
    psycopg.errors.QueryCanceled.
    """

    is_interrupted: Callable[[], bool] | None = None

    def wait(
        self, gen: PQGen[RV], interval: float = _LOOK_EVERY_SECONDS, timeout: float | None = None
    ) -> RV:
        return super().wait(self._watched(gen), interval, timeout)

    def _watched(self, gen: PQGen[RV]) -> PQGen[RV]:
        cancelled = False
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not (ready or cancelled) and self.is_interrupted and self.is_interrupted():
                    cancelled = True
                    with contextlib.suppress(psycopg.Error):
                        self.cancel_safe(timeout=_CANCEL_SECONDS)
                wanted = gen.send(ready)
        except StopIteration as end:
            value: RV = end.value
            return value
