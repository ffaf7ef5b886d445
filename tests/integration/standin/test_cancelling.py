"""A client gives up a call while PostgreSQL computes: it hears so at once, and goes on."""

import asyncio
import threading
import time
from collections.abc import Iterator

import oracledb
import pytest

from oracle_standin import OracleStandin
from support.faults.proxy import Proxy
from support.standin import Behind, connect

SLOW_SECONDS = 60  # each of the views below; none is ever waited for
SOON_SECONDS = 10


@pytest.fixture(scope="module", params=["19c", "23ai"])
def server(behind: Behind, request: pytest.FixtureRequest) -> Iterator[OracleStandin]:
    behind.execute(
        "CREATE SCHEMA IF NOT EXISTS apps",
        "CREATE TABLE IF NOT EXISTS apps.t AS SELECT 1::numeric n",
        "CREATE OR REPLACE VIEW apps.slow AS"
        " SELECT count(*)::numeric n FROM generate_series(1, 50000) a, generate_series(1, 50000) b",
        "CREATE OR REPLACE VIEW apps.slow_at_the_end AS SELECT i::numeric n"
        " FROM generate_series(1, 20001) i"
        f" WHERE i <= 20000 OR pg_sleep({SLOW_SECONDS}) IS NOT NULL",
    )
    with OracleStandin(behind.url, protocol=request.param) as standin:
        yield standin


@pytest.fixture(autouse=True)
def _soon(behind: Behind) -> Iterator[None]:
    """Nothing is waited for, and nothing goes on computing."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < SOON_SECONDS
    running = "SELECT query FROM pg_stat_activity WHERE state = 'active' AND query ~ 'slow'"
    assert not [query for (query,) in behind.query(running) if "pg_stat_activity" not in query]


def is_alive(connection: oracledb.Connection) -> bool:
    with connection.cursor() as cursor:
        return bool(cursor.execute("select count(*) from t").fetchone() == (1,))


def test_a_call_that_takes_too_long(connection: oracledb.Connection) -> None:
    connection.call_timeout = 300
    with connection.cursor() as cursor:
        for _ in range(2):
            with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
                cursor.execute("select n from slow")
            assert is_alive(connection)


def test_a_fetch_that_takes_too_long(connection: oracledb.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set transaction read only")
        cursor.arraysize = 1000
        cursor.execute("select n from slow_at_the_end")
        assert len(cursor.fetchmany(5000)) == 5000
        connection.call_timeout = 300
        with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
            cursor.fetchall()
        assert is_alive(connection)


def test_a_cancelled_call(connection: oracledb.Connection) -> None:
    timer = threading.Timer(0.3, connection.cancel)
    with connection.cursor() as cursor:
        timer.start()
        with pytest.raises(oracledb.DatabaseError, match="ORA-01013"):
            cursor.execute("select n from slow")
        timer.join()
        assert is_alive(connection)


def test_a_snapshot_outlives_a_cancelled_call(
    connection: oracledb.Connection, server: OracleStandin
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set transaction read only")
        with connect(server) as other, other.cursor() as writer:
            writer.execute("insert into t values (2)")
            other.commit()
        connection.call_timeout = 300
        with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
            cursor.execute("select n from slow")
        assert is_alive(connection)  # the one row that was there
        connection.rollback()
        cursor.execute("delete from t where n = 2")
        assert cursor.rowcount == 1
        connection.commit()


def test_a_client_that_goes_leaves_nothing_running(server: OracleStandin) -> None:
    with Proxy(server.port) as proxy:
        proxy.at_text(b"from slow", lambda link: threading.Timer(0.3, link.drop).start())
        dsn = f"127.0.0.1:{proxy.port}/{server.service_name}"
        with connect(server, dsn=dsn) as connection, connection.cursor() as cursor:
            assert server.sessions
            with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
                cursor.execute("select n from slow")
    deadline = time.monotonic() + SOON_SECONDS
    while server.sessions and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not server.sessions


def test_asyncio(server: OracleStandin) -> None:
    async def ask() -> None:
        connecting = oracledb.connect_async(
            user=server.user, password=server.password, dsn=server.dsn
        )
        async with connecting as connection:
            connection.call_timeout = 300
            with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
                await connection.fetchall("select n from slow")
            assert await connection.fetchall("select count(*) from t") == [(1,)]

    asyncio.run(ask())
