"""A read-only transaction sees one moment; a kept answer is never an old one."""

import random
from decimal import Decimal
from typing import Any

import oracledb
import psycopg
import pytest
from sqlalchemy.dialects import oracle as oracle_dialect

from etl_sales_target.core import digest
from etl_sales_target.core.names import TableName
from etl_sales_target.core.statements import SqlTable
from oracle_standin import OracleStandin, groups
from support.builders import COLUMNS, LAYOUT
from support.standin import Behind, connect, numbers_as_text

NAMES = ", ".join(COLUMNS)
ROWS = f"select {NAMES} from t"
DIALECT = oracle_dialect.dialect()  # type: ignore[no-untyped-call]
DIGESTS = str(
    digest.statement(SqlTable(TableName("apps", "t"), LAYOUT)).compile(
        dialect=DIALECT, compile_kwargs={"literal_binds": True}
    )
)
INSERT = "INSERT INTO apps.t SELECT i, i % 7, i % 12 + 1, 2024, i / 4.0 FROM generate_series({}) i"


@pytest.fixture(autouse=True)
def _filled(behind: Behind, server: OracleStandin) -> None:
    columns = ", ".join(f"{column} numeric" for column in COLUMNS)
    behind.execute(
        "DROP SCHEMA apps CASCADE",
        "CREATE SCHEMA apps",
        f"CREATE TABLE apps.t ({columns})",
        INSERT.format("1, 200"),
    )
    server._memory._groups.clear()


def fetch(connection: oracledb.Connection, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.outputtypehandler = numbers_as_text
        rows = cursor.execute(sql).fetchall()
    return sorted(
        (tuple(None if text is None else Decimal(text) for text in row) for row in rows), key=str
    )


def begin(connection: oracledb.Connection) -> None:
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("set transaction read only")


# Each a list of statements, committed one by one.
CHANGES = {
    "insert": [INSERT.format("5000, 5100")],
    "update": ["UPDATE apps.t SET target_amount = target_amount + 0.001 WHERE id = 7"],
    "update to NULL": ["UPDATE apps.t SET target_month = NULL WHERE id = 7"],
    "delete": ["DELETE FROM apps.t WHERE target_month = 3"],
    "exchange": [
        "DELETE FROM apps.t WHERE id IN (8, 9)",
        "INSERT INTO apps.t VALUES (8, 1, 9, 2024, 2.25), (9, 2, 10, 2024, 2)",
    ],
    # Rows in the places of those before, as many of them.
    "reuse of space": [
        "DELETE FROM apps.t",
        "VACUUM apps.t",
        INSERT.format("1, 200").replace("i / 4.0", "i / 5.0"),
    ],
    "as a replica": ["SET session_replication_role = replica", "DELETE FROM apps.t WHERE id < 50"],
}
DEFINITIONS = {
    "truncate": ["TRUNCATE apps.t"],
    "alter": ["ALTER TABLE apps.t ALTER target_amount TYPE numeric(20, 1)"],
    "rename": [
        "ALTER TABLE apps.t RENAME product_id TO other",
        "ALTER TABLE apps.t RENAME id TO product_id",
        "ALTER TABLE apps.t RENAME other TO id",
    ],
    "no trigger": [
        "ALTER TABLE apps.t DISABLE TRIGGER ALL",
        "UPDATE apps.t SET id = -1",
        "ALTER TABLE apps.t ENABLE ALWAYS TRIGGER oracle_standin_change",
    ],
    "rewrite": ["VACUUM FULL apps.t", "UPDATE apps.t SET id = -1 WHERE id = 1"],
    "another table": [
        "CREATE TABLE apps.u AS SELECT * FROM apps.t WHERE id < 11",
        "DROP TABLE apps.t",
        "ALTER TABLE apps.u RENAME TO t",
    ],
    "view": [
        "ALTER TABLE apps.t RENAME TO hidden",
        "CREATE VIEW apps.t AS SELECT * FROM apps.hidden WHERE id < 100",
    ],
}


def edit(behind: Behind, statements: list[str]) -> None:
    with psycopg.connect(behind.url, autocommit=True) as editor:
        for statement in statements:
            editor.execute(statement.encode())


def answers(connection: oracledb.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """The rows, and the digests that are kept a group at a time."""
    return {sql: fetch(connection, sql) for sql in (ROWS, DIGESTS)}


def uncached(behind: Behind) -> dict[str, list[tuple[Any, ...]]]:
    """From a stand-in that has kept nothing."""
    with OracleStandin(behind.url) as fresh, connect(fresh) as connection:
        return answers(connection)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_snapshot_stays_and_the_next_one_is_new(
    connection: oracledb.Connection, server: OracleStandin, behind: Behind, change: list[str]
) -> None:
    begin(connection)
    before = answers(connection)
    edit(behind, change)
    assert answers(connection) == before
    with connect(server) as other:
        begin(other)
        after = answers(other)
    assert after == uncached(behind)
    assert all(after[sql] != before[sql] for sql in before)
    # The newer answer is kept by now: it must not reach the older snapshot.
    assert answers(connection) == before

    begin(connection)
    assert answers(connection) == after


@pytest.mark.parametrize("change", (CHANGES | DEFINITIONS).values(), ids=CHANGES | DEFINITIONS)
@pytest.mark.parametrize("in_snapshot", [True, False])
def test_a_kept_answer_is_never_an_old_one(
    connection: oracledb.Connection, behind: Behind, change: list[str], in_snapshot: bool
) -> None:
    def ask() -> dict[str, list[tuple[Any, ...]]]:
        if in_snapshot:
            begin(connection)
        asked = answers(connection)
        connection.rollback()
        return asked

    first = ask()
    assert ask() == first
    edit(behind, change)
    truth = uncached(behind)
    assert ask() == truth
    assert all(truth[sql] != first[sql] for sql in first)
    assert ask() == truth


def test_nothing_is_kept_of_a_table_without_its_trigger(
    connection: oracledb.Connection, behind: Behind
) -> None:
    edit(behind, ["ALTER TABLE apps.t DISABLE TRIGGER ALL"])
    before = answers(connection)
    edit(behind, CHANGES["update"])
    assert answers(connection) == uncached(behind) != before


def test_an_edit_that_is_rolled_back_or_not_committed_is_never_seen(
    connection: oracledb.Connection, behind: Behind
) -> None:
    before = answers(connection)
    with psycopg.connect(behind.url) as editor:
        editor.execute("DELETE FROM apps.t")
        assert answers(connection) == before
        editor.rollback()
    assert answers(connection) == before


def test_a_session_sees_its_own_changes_and_the_others_do_not(
    connection: oracledb.Connection, server: OracleStandin, behind: Behind
) -> None:
    before = answers(connection)
    with connection.cursor() as cursor:
        cursor.execute("update t set target_amount = 0")
    own = answers(connection)
    assert all(own[sql] != before[sql] for sql in before)
    with connect(server) as other:
        assert answers(other) == before
    connection.rollback()
    assert answers(connection) == before
    # As many changes as the session saw while it had its own, but not the same.
    edit(behind, CHANGES["delete"])
    assert answers(connection) == uncached(behind)


@pytest.mark.parametrize("seed", range(2))
def test_random_edits_are_all_seen(
    connection: oracledb.Connection, server: OracleStandin, behind: Behind, seed: int
) -> None:
    """Two sessions, in snapshots of different ages, against what PostgreSQL itself says."""
    chance = random.Random(seed)
    with connect(server) as other:
        for _ in range(10):
            low = chance.randrange(300)
            some = f"WHERE id BETWEEN {low} AND {low + chance.randrange(40)}"
            edit(
                behind,
                chance.choices(
                    [
                        f"DELETE FROM apps.t {some}",
                        f"UPDATE apps.t SET target_amount = {chance.random()} {some}",
                        f"UPDATE apps.t SET target_month = target_month % 12 + 1 {some}",
                        INSERT.format(f"{low}, {low + 3}"),
                        "VACUUM apps.t",
                    ],
                    k=chance.randint(0, 3),
                ),
            )
            session = chance.choice([connection, other])
            begin(session)
            asked = answers(session)
            assert asked == uncached(behind)
            truth = behind.query(f"SELECT {NAMES} FROM apps.t")
            assert asked[ROWS] == sorted(truth, key=str)


def test_a_snapshot_is_one_moment_in_the_middle_of_a_fetch(
    connection: oracledb.Connection, server: OracleStandin, behind: Behind
) -> None:
    edits = iter(["DELETE FROM apps.t", INSERT.format("1, 3"), "UPDATE apps.t SET id = 0"])
    server.faults.before_fetch(lambda _: edit(behind, [next(edits, "SELECT 1")]))
    before = sorted(behind.query(f"SELECT {NAMES} FROM apps.t"), key=str)
    begin(connection)
    with connection.cursor() as cursor:
        cursor.arraysize = cursor.prefetchrows = 20
        assert len(cursor.execute(ROWS).fetchall()) == 200
    assert next(edits, None) is None
    assert fetch(connection, ROWS) == before


def test_a_query_outside_a_transaction_sees_one_moment_too(
    connection: oracledb.Connection, server: OracleStandin, behind: Behind
) -> None:
    server.faults.before_fetch(lambda _: edit(behind, ["DELETE FROM apps.t"]))
    with connection.cursor() as cursor:
        cursor.arraysize = cursor.prefetchrows = 20
        assert len(cursor.execute(ROWS).fetchall()) == 200
    assert fetch(connection, ROWS) == []


def test_only_the_groups_that_changed_are_computed_anew(
    connection: oracledb.Connection, server: OracleStandin, behind: Behind
) -> None:
    begin(connection)
    fetch(connection, DIGESTS)
    (before,) = server._memory._groups.values()
    edit(behind, CHANGES["update"])
    begin(connection)
    fetch(connection, DIGESTS)
    (after,) = server._memory._groups.values()
    assert len(set(before) - set(after)) == len(set(after) - set(before)) == 1
    assert sum(before[versions] is after.get(versions) for versions in before) == 11


def test_more_groups_than_are_kept_are_answered_all_the_same(
    connection: oracledb.Connection, behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(connection)
    kept = fetch(connection, DIGESTS)
    edit(behind, CHANGES["update"])
    after = uncached(behind)[DIGESTS]
    monkeypatch.setattr(groups, "_MOST_GROUPS", 5)
    begin(connection)
    assert fetch(connection, DIGESTS) == after != kept


def test_a_read_only_transaction_is_the_first_statement_and_refuses_changes(
    connection: oracledb.Connection,
) -> None:
    begin(connection)
    with connection.cursor() as cursor:
        with pytest.raises(oracledb.DatabaseError, match="ORA-01453"):
            cursor.execute("set transaction read only")
        with pytest.raises(oracledb.DatabaseError, match="ORA-01456"):
            cursor.execute("delete from t")
        assert cursor.execute("select count(*) from t").fetchone() == (200,)
        connection.commit()
        cursor.execute("delete from t")
        with pytest.raises(oracledb.DatabaseError, match="ORA-01453"):
            cursor.execute("set transaction read only")
    connection.rollback()
