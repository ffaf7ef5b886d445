"""Requests that are sent together, each answered in its turn."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import oracledb
import pytest

from oracle_standin import OracleStandin
from support.standin import Behind

# A pipeline whose answer does not come would wait for ever.
SECONDS = 20


@pytest.fixture(params=["19c", "23ai"])
def server(behind: Behind, request: pytest.FixtureRequest) -> Iterator[OracleStandin]:
    behind.execute(
        "CREATE SCHEMA IF NOT EXISTS apps",
        "DROP TABLE IF EXISTS apps.t",
        "CREATE TABLE apps.t AS SELECT i::numeric n FROM generate_series(1, 300) i",
    )
    with OracleStandin(behind.url, protocol=request.param) as standin:
        yield standin


def within_a_connection(
    server: OracleStandin, ask: Callable[[oracledb.AsyncConnection], Awaitable[Any]]
) -> Any:
    async def connected() -> Any:
        connecting = oracledb.connect_async(
            user=server.user, password=server.password, dsn=server.dsn
        )
        async with connecting as connection:
            answer = await asyncio.wait_for(ask(connection), SECONDS)
            assert await connection.fetchall("select 1 from dual") == [(1,)]
            return answer

    return asyncio.run(connected())


def pipeline_of(*queries: str) -> oracledb.Pipeline:
    pipeline = oracledb.create_pipeline()
    for query in queries:
        pipeline.add_fetchall(query, arraysize=100)
    return pipeline


@pytest.mark.parametrize("size", [1, 2, 50])
def test_each_request_has_its_answer(server: OracleStandin, size: int) -> None:
    pipeline = pipeline_of(*(f"select n, {number} from t" for number in range(size)))
    results = within_a_connection(server, lambda connection: connection.run_pipeline(pipeline))
    assert [len(result.rows) for result in results] == [300] * size
    assert [result.rows[-1] for result in results] == [(300, number) for number in range(size)]


def test_changes_and_commits(server: OracleStandin, behind: Behind) -> None:
    pipeline = oracledb.create_pipeline()
    pipeline.add_execute("insert into t values (:1)", [1000])
    pipeline.add_executemany("insert into t values (:1)", [(1001,), (1002,)])
    pipeline.add_fetchone("select count(*) from t where n >= 1000")
    pipeline.add_commit()
    results = within_a_connection(server, lambda connection: connection.run_pipeline(pipeline))
    assert results[2].rows == [(3,)]
    assert behind.query("SELECT count(*) FROM apps.t WHERE n >= 1000") == [(3,)]


def test_the_others_run_where_one_fails_and_all_are_to_run(server: OracleStandin) -> None:
    pipeline = pipeline_of("select 1 from dual", "select n from missing", "select 3 from dual")
    results = within_a_connection(
        server, lambda connection: connection.run_pipeline(pipeline, continue_on_error=True)
    )
    assert [result.rows for result in results] == [[(1,)], None, [(3,)]]
    assert results[1].error.full_code == "ORA-00942"


def test_nothing_runs_behind_a_failure(server: OracleStandin, behind: Behind) -> None:
    pipeline = pipeline_of("select 1 from dual", "select n from missing")
    pipeline.add_execute("delete from t")
    pipeline.add_commit()

    async def ask(connection: oracledb.AsyncConnection) -> None:
        with pytest.raises(oracledb.DatabaseError, match="ORA-00942"):
            await connection.run_pipeline(pipeline)

    within_a_connection(server, ask)
    assert behind.query("SELECT count(*) FROM apps.t") == [(300,)]
