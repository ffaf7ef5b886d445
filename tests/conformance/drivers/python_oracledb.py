"""python-oracledb with blocking calls, any version from 1.4 on."""

from collections.abc import Sequence
from typing import Any

import oracledb

from conformance.drivers import steps


class Session(steps.Session):
    def __init__(self, login: steps.Login) -> None:
        self._connection = oracledb.connect(**arguments(login))

    def read(self, query: str, fetch_size: int = 100) -> steps.Rows:
        with self._connection.cursor() as cursor:
            prepare(cursor, fetch_size)
            cursor.execute(query)
            return [steps.texts(row) for row in cursor.fetchall()]

    def change(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(statement, list(rows)) if rows[0] else cursor.execute(statement)

    def commit(self) -> None:
        self._connection.commit()

    def cancel(self) -> None:
        self._connection.cancel()

    def limit_calls(self, seconds: float) -> None:
        self._connection.call_timeout = round(seconds * 1000)

    def close(self) -> None:
        self._connection.close()


def arguments(login: steps.Login) -> dict[str, Any]:
    """Those of `connect`."""
    dsn = f"{login['host']}:{login['port']}/{login['service_name']}"
    return {"user": login["user"], "password": login["password"], "dsn": dsn}


def prepare(cursor: Any, fetch_size: int) -> None:
    """Rows of a round trip, and NUMBER digit for digit."""
    cursor.arraysize = cursor.prefetchrows = fetch_size
    cursor.outputtypehandler = _numbers_as_text


def _numbers_as_text(cursor: Any, metadata: Any) -> Any:
    is_number = metadata.type_code is oracledb.DB_TYPE_NUMBER
    return cursor.var(str, arraysize=cursor.arraysize) if is_number else None


if __name__ == "__main__":
    steps.take(Session)
