"""What a test may do to a client: errors, drops, delays, refusals."""

import gc
import time
from collections.abc import Iterator
from typing import Any

import oracledb
import pytest

from oracle_standin import OracleStandin
from support.standin import Behind, connect


@pytest.fixture(scope="module", autouse=True)
def _filled(behind: Behind, server: OracleStandin) -> None:
    behind.execute("CREATE TABLE apps.t AS SELECT i::numeric n FROM generate_series(1, 100) i")


@pytest.fixture
def cursor(connection: oracledb.Connection) -> Iterator[oracledb.Cursor]:
    """Ten rows a round trip."""
    with connection.cursor() as opened:
        opened.arraysize = opened.prefetchrows = 10
        yield opened


def rows_until_failure(cursor: oracledb.Cursor) -> tuple[int, oracledb.DatabaseError]:
    received: list[tuple[Any, ...]] = []
    with pytest.raises(oracledb.DatabaseError) as raised:
        received.extend(cursor.execute("select n from t"))
    return len(received), raised.value


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("after_rows", [0, 5, 10, 55, 99])
def test_an_ora_code_after_so_many_rows(
    cursor: oracledb.Cursor, server: OracleStandin, after_rows: int, cached: bool
) -> None:
    if cached:
        cursor.execute("select n from t").fetchall()
    server.faults.ora_error(1555, after_rows=after_rows)
    received, error = rows_until_failure(cursor)

    assert received == after_rows // 10 * 10
    assert error.args[0].full_code == "ORA-01555"
    assert "snapshot too old" in str(error)
    # The connection stays, and the fault is spent.
    assert len(cursor.execute("select n from t").fetchall()) == 100


def test_an_ora_code_at_execute_and_for_one_table_only(
    cursor: oracledb.Cursor, server: OracleStandin
) -> None:
    server.faults.ora_error(54, on="FROM T", times=2)
    assert cursor.execute("select 1 from dual").fetchall() == [(1,)]
    for _ in range(2):
        with pytest.raises(oracledb.DatabaseError, match="ORA-00054"):
            cursor.execute("select n from t")
    assert len(cursor.execute("select n from t").fetchall()) == 100


# The driver leaves a socket that was reset to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("after_rows", [None, 0, 50])
def test_a_connection_is_dropped(
    server: OracleStandin, after_rows: int | None, reset: bool
) -> None:
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.arraysize = cursor.prefetchrows = 10
        server.faults.drop_connection(after_rows=after_rows, reset=reset)
        received, error = rows_until_failure(cursor)
        assert received == (after_rows or 0)
        assert error.args[0].full_code == "DPY-4011"
        assert error.args[0].isrecoverable
        assert not connection.is_healthy()
    del connection, cursor, error
    gc.collect()
    with connect(server) as other:
        other.ping()


def test_a_delay_at_execute(cursor: oracledb.Cursor, server: OracleStandin) -> None:
    server.faults.delay(execute=0.3)
    start = time.monotonic()
    cursor.execute("select n from t where n <= 5").fetchall()
    assert 0.3 <= time.monotonic() - start < 3


def test_a_delay_at_each_fetch(cursor: oracledb.Cursor, server: OracleStandin) -> None:
    server.faults.delay(fetch=0.1, on="from t")
    start = time.monotonic()
    cursor.execute("select n from t where n <= 35").fetchall()  # one execute, three fetches
    assert 0.3 <= time.monotonic() - start < 3


def test_a_call_back_before_each_reply(cursor: oracledb.Cursor, server: OracleStandin) -> None:
    seen: list[int] = []
    server.faults.before_fetch(seen.append, on="from t")
    cursor.execute("select n from t where n <= 35").fetchall()
    assert seen == [0, 10, 20, 30]


def test_refused_connections(connection: oracledb.Connection, server: OracleStandin) -> None:
    server.faults.refuse_connections(12518, times=2)
    for _ in range(2):
        with pytest.raises(oracledb.OperationalError, match="12518"):
            connect(server)
    connection.ping()
    with connect(server) as other:
        other.ping()


def test_a_killed_session(cursor: oracledb.Cursor, server: OracleStandin) -> None:
    server.faults.ora_error(28)
    _, error = rows_until_failure(cursor)
    assert error.args[0].full_code == "DPY-4011"
    assert not cursor.connection.is_healthy()


def test_a_stopped_server_ends_its_clients_and_leaves_no_session(behind: Behind) -> None:
    server = OracleStandin(behind.url)
    server.start()
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("set transaction read only")
        server.stop()
        with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
            cursor.execute("select n from t")
    with pytest.raises(oracledb.OperationalError, match="DPY-6005"):
        connect(server)
    assert not server._clients
