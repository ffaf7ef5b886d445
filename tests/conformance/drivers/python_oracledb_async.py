"""python-oracledb with asyncio: the sessions of all threads share one event loop."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import oracledb

from conformance.drivers import steps
from conformance.drivers.python_oracledb import arguments, prepare

T = TypeVar("T")
_loop = asyncio.new_event_loop()


def wait_for(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(coroutine, _loop).result()


class Session(steps.Session):
    def __init__(self, login: steps.Login) -> None:
        self._connection = wait_for(_connect(login))

    def read(self, query: str, fetch_size: int = 100) -> steps.Rows:
        return wait_for(self._read(query, fetch_size))

    async def _read(self, query: str, fetch_size: int) -> steps.Rows:
        with self._connection.cursor() as cursor:
            prepare(cursor, fetch_size)
            await cursor.execute(query)
            return [steps.texts(row) for row in await cursor.fetchall()]

    def change(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        with self._connection.cursor() as cursor:
            changed = (
                cursor.executemany(statement, list(rows)) if rows[0] else cursor.execute(statement)
            )
            wait_for(changed)

    def commit(self) -> None:
        wait_for(self._connection.commit())

    def cancel(self) -> None:
        _loop.call_soon_threadsafe(self._connection.cancel)

    def limit_calls(self, seconds: float) -> None:
        self._connection.call_timeout = round(seconds * 1000)

    def close(self) -> None:
        wait_for(self._connection.close())


async def _connect(login: steps.Login) -> oracledb.AsyncConnection:
    connection: oracledb.AsyncConnection = await oracledb.connect_async(**arguments(login))
    return connection


if __name__ == "__main__":
    threading.Thread(target=_loop.run_forever, daemon=True).start()
    steps.take(Session)
