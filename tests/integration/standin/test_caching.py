"""Kept answers make the stand-in fast and change nothing that it says."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import oracledb
import pytest

from oracle_standin import OracleStandin
from support.standin import Behind, connect

QUERIES = {
    "rows": "select id, name, code, d from t",
    "periods": (
        "select extract(year from d) y, extract(month from d) m, count(*), sum(id),"
        " sum(length4(name)), sum(ora_hash(name || '|' || code, 4294967295, 1)) from t"
        " group by extract(year from d), extract(month from d)"
    ),
    "codes": "select code, count(*) from t group by code",
    "total": "select count(*), sum(id) from t",
    "some": "select id from t where extract(year from d) in (2024) and code = 'a'",
}
EDITS = [
    "SELECT 1",
    "UPDATE apps.t SET name = name || '!' WHERE id = 5",
    "UPDATE apps.t SET code = 'a' WHERE id < 9",
    "DELETE FROM apps.t WHERE extract(month FROM d) = 2",
    "INSERT INTO apps.t VALUES (1000, NULL, NULL, NULL)",
    "ALTER TABLE apps.t ALTER code TYPE character(3)",
    "TRUNCATE apps.t",
]


@pytest.fixture
def standins(behind: Behind) -> Iterator[dict[bool, OracleStandin]]:
    """By whether they keep answers, in front of the same table."""
    with contextlib.ExitStack() as stack:
        both = {
            caching: stack.enter_context(OracleStandin(behind.url, caching=caching))
            for caching in (True, False)
        }
        behind.execute(
            "DROP SCHEMA IF EXISTS apps CASCADE",
            "CREATE SCHEMA apps",
            "CREATE TABLE apps.t (id numeric, name varchar(40), code character(2), d timestamp(0))",
            "INSERT INTO apps.t SELECT i, 'name ' || i, chr(97 + i % 3),"
            " timestamp '2023-12-01' + i * interval '1 day' FROM generate_series(1, 120) i",
        )
        yield both


def answer(connection: oracledb.Connection, sql: str) -> Any:
    with connection.cursor() as cursor:
        rows = sorted(cursor.execute(sql).fetchall(), key=str)
        return rows, [column[:6] for column in cursor.description]


@pytest.mark.parametrize("in_snapshot", [True, False])
def test_answers_are_the_same_with_and_without(
    behind: Behind, standins: dict[bool, OracleStandin], in_snapshot: bool
) -> None:
    with connect(standins[True]) as keeping, connect(standins[False]) as asking:
        for edit in EDITS:
            behind.execute(edit)
            for connection in (keeping, asking):
                connection.rollback()
                if in_snapshot:
                    connection.cursor().execute("set transaction read only")
            for _ in range(2):
                for sql in QUERIES.values():
                    assert answer(keeping, sql) == answer(asking, sql)
            keeping.rollback()
            asking.rollback()
    assert standins[True]._cache._entries
    assert bool(standins[True]._memory._groups) == in_snapshot
    assert not standins[False]._cache._entries
    assert not standins[False]._memory._groups


@contextlib.contextmanager
def process(behind: Behind, *options: str) -> Iterator[oracledb.Connection]:
    """A connection to a stand-in that runs as a process."""
    command = [sys.executable, "-m", "oracle_standin", "--database-url", behind.url, *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        login = json.loads(server.stdout.readline())
        try:
            with oracledb.connect(
                **{key: login[key] for key in ("dsn", "user", "password")}
            ) as one:
                yield one
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 0


@pytest.mark.parametrize(
    ("options", "seen"), [([], (2, 3)), (["--no-caching"], (1, 1))], ids=["kept", "run anew"]
)
def test_without_caching_each_query_is_run(
    behind: Behind, options: list[str], seen: tuple[int, int]
) -> None:
    """A change that is not counted shows who looks at the table itself."""
    behind.execute(
        "DROP SCHEMA IF EXISTS apps CASCADE",
        "CREATE SCHEMA apps",
        "CREATE TABLE apps.t (id numeric)",
        "INSERT INTO apps.t VALUES (1), (2)",
    )
    with process(behind, *options) as connection:
        assert answer(connection, "select count(*), sum(id) from t")[0] == [(2, 3)]
        behind.execute(
            "DELETE FROM apps.t WHERE id = 2",
            "DELETE FROM oracle_standin.changes WHERE transaction = pg_current_xact_id()",
        )
        assert answer(connection, "select count(*), sum(id) from t")[0] == [seen]
