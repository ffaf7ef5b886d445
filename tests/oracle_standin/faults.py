"""What a test may do to the stand-in's clients, from Python."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from oracle_standin.errors import OraError


class ConnectionDropError(Exception):
    """End the connection: with RST where `reset`, else with FIN."""

    def __init__(self, *, reset: bool) -> None:
        self.reset = reset
        super().__init__("the connection is to end")


@dataclass
class _Fault:
    on: str | None
    times: int | None = None
    after_rows: int | None = None
    error: Exception | None = None
    execute_delay: float = 0
    fetch_delay: float = 0
    row_delay: float = 0
    callback: Callable[[int], None] | None = None

    def matches(self, sql: str) -> bool:
        return self.times != 0 and (self.on is None or self.on.lower() in sql.lower())

    def due(self, rows: int | None) -> bool:
        """`rows`: None at execute, else the rows that the client has once it gets this reply."""
        if self.error is None:
            return False
        if rows is None or self.after_rows is None:
            return rows is None and self.after_rows is None
        return rows > self.after_rows


class Faults:
    """Thread safe; a fault stays until `clear()`, or for as many `times` as it says."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []
        self._refusal: tuple[int, int | None] | None = None
        self._login_refusal: OraError | None = None

    def ora_error(
        self,
        code: int,
        message: str | None = None,
        *,
        after_rows: int | None = None,
        on: str | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer with this code: at execute, or in the fetch that would pass `after_rows` rows."""
        self._add(_Fault(on, times, after_rows, OraError(code, message)))

    def drop_connection(
        self,
        *,
        after_rows: int | None = None,
        on: str | None = None,
        reset: bool = False,
        times: int | None = 1,
    ) -> None:
        """End the connection in place of an answer."""
        self._add(_Fault(on, times, after_rows, ConnectionDropError(reset=reset)))

    def delay(
        self, *, execute: float = 0, fetch: float = 0, row: float = 0, on: str | None = None
    ) -> None:
        """Add seconds to each execute, to each fetch, and for each row that an answer has."""
        self._add(_Fault(on, execute_delay=execute, fetch_delay=fetch, row_delay=row))

    def refuse_connections(self, code: int = 12514, times: int | None = None) -> None:
        """Refuse new connections as a listener does."""
        with self._lock:
            self._refusal = (code, times)

    def refuse_logins(self, code: int) -> None:
        """Refuse new logins with the right password: the account is locked, or has expired."""
        with self._lock:
            self._login_refusal = OraError(code)

    def before_fetch(self, callback: Callable[[int], None], *, on: str | None = None) -> None:
        """Call back with the number of rows sent so far, before each reply with rows."""
        self._add(_Fault(on, callback=callback))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._refusal = None
            self._login_refusal = None

    def _add(self, fault: _Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def _matching(self, sql: str) -> list[_Fault]:
        with self._lock:
            return [fault for fault in self._faults if fault.matches(sql)]

    def refusal(self) -> int | None:
        """The code to refuse this connection with."""
        with self._lock:
            if self._refusal is None:
                return None
            code, times = self._refusal
            if times is not None:
                self._refusal = (code, times - 1) if times > 1 else None
            return code

    def raise_refused_login(self) -> None:
        with self._lock:
            if self._login_refusal:
                raise self._login_refusal

    def execute_delay(self, sql: str) -> float:
        return sum(fault.execute_delay for fault in self._matching(sql))

    def fetch_delay(self, sql: str) -> float:
        return sum(fault.fetch_delay for fault in self._matching(sql))

    def row_delay(self, sql: str) -> float:
        return sum(fault.row_delay for fault in self._matching(sql))

    def call_back(self, sql: str, rows_sent: int) -> None:
        for fault in self._matching(sql):
            if fault.callback:
                fault.callback(rows_sent)

    def raise_due(self, sql: str, rows: int | None = None) -> None:
        """Raise the first fault that is due at this execute (`rows` None) or fetch."""
        with self._lock:
            for fault in self._faults:
                if fault.error is not None and fault.matches(sql) and fault.due(rows):
                    if fault.times is not None:
                        fault.times -= 1
                    raise fault.error
