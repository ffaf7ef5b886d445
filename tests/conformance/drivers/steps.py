"""The steps that each client takes, and how it reports them.

A client's program gets one argument, a JSON object: `host`, `port`, `service_name`, `user`,
`password`, and `fetch_sizes`, in rows. It prints a line of JSON a step: its name as `step`, and
either `answer`, what the client read or the error that it was to see, or `failure`. What the answer
should be is for the test to know. Python's standard library alone: clients bring nothing else.
"""

import json
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from threading import Barrier, Timer
from typing import Any, Self

SESSIONS = 30
_PATIENCE_SECONDS = 20
_IMPATIENCE_SECONDS = 0.5

Login = Mapping[str, Any]
Rows = list[list[Any]]
# The error, how long it took, and what a query then read in the same session.
Interrupted = dict[str, Any]


class Session(ABC):
    """One login of a client."""

    @abstractmethod
    def read(self, query: str, fetch_size: int = 100) -> Rows:
        """All rows of a query, by so many a round trip; NUMBER as text, a date in ISO's format."""

    @abstractmethod
    def change(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        """A statement once for each row of binds, which are numbered from :1 on."""

    @abstractmethod
    def commit(self) -> None:
        """End the transaction."""

    @abstractmethod
    def cancel(self) -> None:
        """From another thread: call off what the session is waiting for."""

    def limit_calls(self, seconds: float) -> None:
        """Have the client call off each call after so long; 0: never."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None:
        """Log out."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Steps:
    """What every client with blocking calls is taken through; `connect` logs in."""

    def __init__(self, connect: Callable[[Login], Session], login: Login) -> None:
        self._connect = connect
        self._login = login

    def connect(self, **changes: Any) -> Session:
        return self._connect({**self._login, **changes})

    def read(self, query: str, fetch_size: int = 100) -> Rows:
        with self.connect() as session:
            return session.read(query, fetch_size)

    def many_rows(self) -> dict[int, Rows]:
        query = "SELECT * FROM many_rows ORDER BY id"
        with self.connect() as session:
            return {size: session.read(query, size) for size in self._login["fetch_sizes"]}

    def binds(self) -> Rows:
        with self.connect() as session:
            rows = [(1, "one"), (-2.5, "Ж" * 300), (None, None)]
            session.change("INSERT INTO bound (id, text) VALUES (:1, :2)", rows)
            session.change("UPDATE bound SET id = :1 WHERE id = :2", [(123456789, 1)])
            try:
                return session.read("SELECT id, text FROM bound ORDER BY id")
            finally:
                session.change("DELETE FROM bound")
                session.commit()

    def snapshot(self) -> list[Rows]:
        count = "SELECT count(*) FROM changing"
        with self.connect() as reader, self.connect() as writer:
            reader.change("SET TRANSACTION READ ONLY")
            counts = [reader.read(count)]
            writer.change("INSERT INTO changing (id) VALUES (1)")
            writer.commit()
            counts.append(reader.read(count))
            reader.commit()
            counts.append(reader.read(count))
            writer.change("DELETE FROM changing")
            writer.commit()
        return counts

    def cancel(self) -> Interrupted:
        with self.connect() as session:
            timer = Timer(_IMPATIENCE_SECONDS, session.cancel)
            timer.start()
            return _interrupted(session, "SELECT id FROM endless")

    def call_timeout(self) -> Interrupted:
        with self.connect() as session:
            session.limit_calls(_IMPATIENCE_SECONDS)
            return _interrupted(session, "SELECT id FROM endless")

    def go_on_after(self, query: str) -> Interrupted:
        with self.connect() as session:
            return _interrupted(session, query)

    def thirty_sessions(self) -> list[Rows]:
        everybody = Barrier(SESSIONS)

        def one(number: int) -> Rows:
            with self.connect() as session:
                everybody.wait(_PATIENCE_SECONDS)
                return session.read(f"SELECT value FROM numbers WHERE id = {number}")

        with ThreadPoolExecutor(SESSIONS) as threads:
            return list(threads.map(one, range(SESSIONS)))


STEPS: dict[str, Callable[[Steps], Any]] = {
    "log in": lambda take: take.read("SELECT sys_context('userenv', 'service_name') FROM dual"),
    "wrong password": lambda take: _error_of(take.connect, password="wrong"),
    "unknown service": lambda take: _error_of(take.connect, service_name="NOWHERE"),
    "numbers": lambda take: take.read("SELECT * FROM numbers ORDER BY id", fetch_size=1),
    "many rows": Steps.many_rows,
    "binds": Steps.binds,
    "snapshot": Steps.snapshot,
    "texts": lambda take: take.read("SELECT * FROM texts ORDER BY id"),
    "moments": lambda take: take.read("SELECT * FROM moments ORDER BY id"),
    "floats and bytes": lambda take: take.read("SELECT * FROM floats_and_bytes ORDER BY id"),
    "cancel": Steps.cancel,
    "call timeout": Steps.call_timeout,
    "missing table": lambda take: take.go_on_after("SELECT id FROM missing"),
    "error in fetch": lambda take: take.go_on_after("SELECT id FROM too_old"),
    "thirty sessions": Steps.thirty_sessions,
}


def take(connect: Callable[[Login], Session]) -> None:
    """Take a client through all steps, whatever becomes of one of them."""
    steps = Steps(connect, login())
    report({name: partial(step, steps) for name, step in STEPS.items()})


def login() -> dict[str, Any]:
    """The argument of the program."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given


def texts(row: Iterable[Any]) -> list[Any]:
    """A row as JSON has it."""
    return [_as_text(value) for value in row]


def _as_text(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def report(steps: Mapping[str, Callable[[], Any]]) -> None:
    for name, step in steps.items():
        try:
            outcome = {"answer": step()}
        except Exception:  # noqa: BLE001 - the test judges it
            outcome = {"failure": traceback.format_exc()}
        print(json.dumps({"step": name, **outcome}), flush=True)


def _interrupted(session: Session, query: str) -> Interrupted:
    begun = time.monotonic()
    error = _error_of(session.read, query)
    seconds = time.monotonic() - begun
    return {"error": error, "seconds": seconds, "then": session.read("SELECT 1 FROM dual")}


def _error_of(action: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    try:
        action(*arguments, **named)
    except Exception as error:  # noqa: BLE001 - any error is an answer
        return str(error)
    return "no error"
