"""The SQL that reads, totals and digests a table of any types, by periods and in groups."""

from collections.abc import Iterator
from typing import Any

import oracledb
import psycopg
import pytest

from oracle_standin import OracleStandin
from support.standin import Behind, connect

GREGORIAN = "'NLS_CALENDAR=GREGORIAN'"
SORTED = f"to_char(d, 'SYYYYMMDDHH24MISS', {GREGORIAN})"
YEAR, MONTH = "extract(year from d)", "extract(month from d)"
PERIODS = (
    f"select {YEAR} as y, {MONTH} as m, count(*), count(d) from t {{}} group by {YEAR}, {MONTH}"
)
NUMBER = "nvl(to_char(n, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,'''), '~')"
TEXT = "nvl(to_char(ora_hash({0}, 4294967295, 1)), '~')"
ROTATED = "nvl(to_char(ora_hash(substr({0}, 2) || substr({0}, 1, 1), 4294967295, 2)), '~')"
DATE = f"nvl({SORTED}, '~')"
FIRST = [NUMBER, TEXT.format("c"), TEXT.format("v"), DATE]
SECOND = [DATE, ROTATED.format("v"), ROTATED.format("c"), NUMBER]


def summed(parts: list[str], seed: int) -> str:
    text = " || '|' || ".join(parts)
    return f"sum(ora_hash({text}, 4294967295, {seed}))"


DIGEST = f"{summed(FIRST, 1)} as first, {summed(SECOND, 2)} as second"


@pytest.fixture(scope="module", params=["19c", "23ai"])
def server(behind: Behind, request: pytest.FixtureRequest) -> Iterator[OracleStandin]:
    with OracleStandin(behind.url, protocol=request.param) as standin:
        behind.execute(
            "DROP SCHEMA IF EXISTS apps CASCADE",
            "CREATE SCHEMA apps",
            "CREATE TABLE apps.t (n numeric, v varchar(1000), c character(4), d timestamp(0))",
        )
        yield standin


@pytest.fixture(scope="module")
def cursor(server: OracleStandin) -> Iterator[oracledb.Cursor]:
    with connect(server) as connection, connection.cursor() as opened:
        yield opened


@pytest.fixture(scope="module")
def editor(server: OracleStandin, behind: Behind) -> Iterator[psycopg.Connection]:
    del server
    with psycopg.connect(behind.url, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _rows(editor: psycopg.Connection) -> None:
    editor.execute("TRUNCATE apps.t")
    editor.execute(
        "INSERT INTO apps.t VALUES (1.50, 'one', 'a', '2024-01-31 23:59:59'),"
        " (2, NULL, NULL, '2024-01-01'), (NULL, '', 'b  b', '2024-02-29 12:00:00'),"
        " (-4, 'four', 'd', '0012-02-03 04:05:06 BC'), (5, 'five', 'e', NULL)"
    )


def fetched(cursor: oracledb.Cursor, sql: str) -> Any:
    return sorted(cursor.execute(sql).fetchall(), key=str)


def test_periods_are_years_and_months_of_a_date(cursor: oracledb.Cursor) -> None:
    expected = [(-12, 2, 1, 1), (2024, 1, 2, 2), (2024, 2, 1, 1), (None, None, 1, 0)]
    assert fetched(cursor, PERIODS.format("")) == expected
    pairs = f"where ({YEAR}, {MONTH}) in ((2024, 2), (-12, 2))"
    assert fetched(cursor, PERIODS.format(pairs)) == [(-12, 2, 1, 1), (2024, 2, 1, 1)]
    months = f"where {YEAR} = 2024 and {MONTH} in (1, 3)"
    assert fetched(cursor, PERIODS.format(months)) == [(2024, 1, 2, 2)]
    either = f"where ({YEAR} = -12 and {MONTH} in (2)) or ({YEAR} is null and {MONTH} is null)"
    assert fetched(cursor, PERIODS.format(either)) == [(-12, 2, 1, 1), (None, None, 1, 0)]


def test_totals_need_no_group(cursor: oracledb.Cursor) -> None:
    totals = (
        "select count(*), count(n), sum(n), count(v), sum(length4(v)), sum(length4(c)),"
        f" sum(to_number({SORTED})) from t"
    )
    moments = 20240131235959 + 20240101000000 + 20240229120000 - 120203040506
    assert fetched(cursor, totals) == [(5, 4, 4.5, 4, 11, 16, moments)]
    assert fetched(cursor, f"{totals} where 1 = 0") == [(0, 0, None, 0, None, None, None)]


# What a digest must notice in the row with n = 1.5; what it must not, below.
EDITS = [
    "n = 1.6", "n = NULL", "v = 'oen'", "v = 'one '", "v = NULL", "c = 'a b'", "c = NULL",
    "d = '2024-01-31 23:59:58'", "d = '2024-01-31 23:59:59 BC'", "d = NULL",
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_a_digest_notices_an_edit(
    cursor: oracledb.Cursor, editor: psycopg.Connection, edit: str
) -> None:
    ((before,), (after,)) = digests(cursor, editor, edit)
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert before[0] != before[1]


@pytest.mark.parametrize("edit", ["n = 1.500", "c = 'a   '"])
def test_a_digest_does_not_depend_on_how_a_value_is_written(
    cursor: oracledb.Cursor, editor: psycopg.Connection, edit: str
) -> None:
    before, after = digests(cursor, editor, edit)
    assert before == after


def digests(cursor: oracledb.Cursor, editor: psycopg.Connection, edit: str) -> Any:
    before = fetched(cursor, f"select {DIGEST} from t")
    editor.execute(f"UPDATE apps.t SET {edit} WHERE n = 1.5".encode())
    return before, fetched(cursor, f"select {DIGEST} from t")


def test_a_digest_by_period_adds_up_to_that_of_all(cursor: oracledb.Cursor) -> None:
    ((first, second),) = fetched(cursor, f"select {DIGEST} from t")
    groups = fetched(cursor, f"select {YEAR}, {MONTH}, {DIGEST} from t group by {YEAR}, {MONTH}")
    assert (sum(row[2] for row in groups), sum(row[3] for row in groups)) == (first, second)


@pytest.mark.parametrize("count", [61, 130, 700])
def test_many_columns_are_joined(cursor: oracledb.Cursor, count: int) -> None:
    text = " || '|' || ".join(["v"] * count)
    (joined,) = fetched(cursor, f"select {text} from t where n = -4")
    if 5 * count - 1 <= 4000:
        assert joined == ("|".join(["four"] * count),)
    hashed = f"sum(ora_hash({text}, 4294967295, 1)), length4({text})"
    assert fetched(cursor, f"select {hashed} from t where n = -4 group by v")[0][1] == 5 * count - 1


def test_a_join_of_more_than_4000_bytes_is_refused(
    cursor: oracledb.Cursor, editor: psycopg.Connection
) -> None:
    editor.execute("UPDATE apps.t SET v = repeat('é', 500)")  # two bytes a character
    assert fetched(cursor, "select length4(v || v || v || v) from t where n = 1.5") == [(2000,)]
    for expression in ("v || v || v || v || 'x'", "ora_hash(v || v || v || v || 'x')"):
        with pytest.raises(oracledb.DatabaseError, match="ORA-01489"):
            fetched(cursor, f"select {expression} from t")


def test_comments_are_those_of_postgresql(
    cursor: oracledb.Cursor, editor: psycopg.Connection
) -> None:
    editor.execute("COMMENT ON TABLE apps.t IS 'What is sold'")
    editor.execute("COMMENT ON COLUMN apps.t.v IS 'A name, as it''s said'")
    binds = {"owner": "APPS", "name": "T"}
    table = "select comments from all_tab_comments where owner = :owner and table_name = :name"
    assert cursor.execute(table, binds).fetchall() == [("What is sold",)]
    columns = (
        "select column_name, comments from all_col_comments"
        " where owner = :owner and table_name = :name"
    )
    comments = {"N": None, "V": "A name, as it's said", "C": None, "D": None}
    assert dict(cursor.execute(columns, binds).fetchall()) == comments


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("to_char(d)", 932),  # NLS_DATE_FORMAT
        ("d || ''", 932),
        ("length4(d)", 932),
        ("to_char(d, 'YYYY', 'NLS_CALENDAR=''Thai Buddha''')", 12702),
        ("to_char(d, 'YYYY', 'NLS_DATE_LANGUAGE=AMERICAN')", 12702),
        ("to_char(d, 'FF7')", 1821),
        ("to_char(d, 'MON')", 1821),
        ("to_date('2024', 'SYYYY')", 1821),
        ("to_date('2024', 'YYYY BC')", 1821),
        ("extract(hour from d)", 3001),
        ("extract(week from d)", 3001),
        ("extract(year from v)", 1722),  # ORA-30076 in Oracle
        ("length4(v, 1)", 939),
    ],
)
def test_what_depends_on_the_session_or_is_not_known_is_refused(
    cursor: oracledb.Cursor, expression: str, code: int
) -> None:
    with pytest.raises(oracledb.DatabaseError, match=f"ORA-{code:05}"):
        cursor.execute(f"select {expression} from t").fetchall()
