"""The ADBC driver: pure Go, its own reading of the protocol, answers as Arrow."""

from collections.abc import Sequence
from typing import Any

from adbc_driver_oracle import ConnectionOptions, DatabaseOptions, dbapi

from conformance.drivers import steps


class Session(steps.Session):
    def __init__(self, login: steps.Login) -> None:
        address = f"{login['host']}:{login['port']}/{login['service_name']}"
        self._connection = dbapi.connect(
            f"oracle://{login['user']}:{login['password']}@{address}",
            db_kwargs={DatabaseOptions.NUMBER_MODE.value: "string"},
        )

    def read(self, query: str, fetch_size: int = 100) -> steps.Rows:
        rows = {ConnectionOptions.PREFETCH_ROWS.value: str(fetch_size)}
        self._connection.adbc_connection.set_options(**rows)
        with self._connection.cursor() as cursor:
            self._reading = cursor
            cursor.execute(query)
            return [steps.texts(row) for row in cursor.fetchall()]

    def change(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(statement, rows) if rows[0] else cursor.execute(statement)

    def commit(self) -> None:
        self._connection.commit()

    def cancel(self) -> None:
        self._reading.adbc_cancel()

    def close(self) -> None:
        self._connection.close()


if __name__ == "__main__":
    steps.take(Session)
