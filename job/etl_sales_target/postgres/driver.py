"""What the job changes about psycopg: how long it waits, and that it counts what it sends."""

from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.copy import LibpqWriter
from psycopg.errors import _WaitTimeout

# How soon a signal is seen while the server works.
_WAKE_UP_SECONDS = 0.1


class BoundedConnection(psycopg.Connection[Any]):
    """psycopg's own connection, which does not wait for ever.

    Keepalives notice a dead network or host. A server process that stands still on a live host,
    in the middle of a COPY or of an answer, is noticed by this alone.
    """

    call_timeout_seconds: int

    def wait(
        self, gen: PQGen[RV], interval: float = _WAKE_UP_SECONDS, timeout: float | None = None
    ) -> RV:
        """Raises OperationalError, and closes, where the server takes longer than it may."""
        try:
            return super().wait(gen, interval, timeout or self.call_timeout_seconds)
        except _WaitTimeout as error:
            self.close()
            raise psycopg.OperationalError(
                f"the server did not answer within {self.call_timeout_seconds} s "
                "(ETL_CALL_TIMEOUT_SECONDS)"
            ) from error


class CountingWriter(LibpqWriter):
    """psycopg's own writer, which also counts what it sends."""

    bytes_written = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends a piece of the rows."""
        self.bytes_written += len(data)
        super().write(data)

    def finish(self, exc: BaseException | None = None) -> None:
        """Ends the COPY; after an error by closing, as the server may be what does not answer."""
        if exc:
            self.connection.close()
        else:
            super().finish()
