"""Oracle's types through the real driver: how they are described, and what their values are."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import oracledb
import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oracle_standin import MALFORMED, NUL, OracleStandin
from support.standin import Behind, connect

# Declared as in PostgreSQL; then type, display size, internal size, precision, scale, null_ok.
DESCRIBED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "n": ("numeric NOT NULL", ("NUMBER", 127, None, 0, -127, False)),
    "n_8_2": ("numeric(8, 2)", ("NUMBER", 12, None, 8, 2, True)),
    "n_5_neg": ("numeric(5, -2)", ("NUMBER", 6, None, 5, -2, True)),
    "f": ("oracle_standin.float", ("NUMBER", 127, None, 126, -127, True)),
    "v": ("varchar(10)", ("VARCHAR", 10, 40, None, None, True)),
    "t": ("text", ("VARCHAR", 4000, 4000, None, None, True)),
    "nv": ("oracle_standin.nvarchar2", ("NVARCHAR", 2000, 4000, None, None, True)),
    "nv_3": ("oracle_standin.nvarchar2_3", ("NVARCHAR", 3, 6, None, None, True)),
    "c": ("character(5)", ("CHAR", 5, 20, None, None, True)),
    "nc": ("oracle_standin.nchar_4", ("NCHAR", 4, 8, None, None, True)),
    "d": ("timestamp(0)", ("DATE", 23, None, None, None, True)),
    "t0": ("oracle_standin.timestamp_0", ("TIMESTAMP", 23, None, None, None, True)),
    "t3": ("timestamp(3)", ("TIMESTAMP", 23, None, 0, 3, True)),
    "t6": ("timestamp", ("TIMESTAMP", 23, None, 0, 6, True)),
    "t7": ("oracle_standin.timestamp_7", ("TIMESTAMP", 23, None, 0, 7, True)),
    "t9": ("oracle_standin.timestamp_9", ("TIMESTAMP", 23, None, 0, 9, True)),
    "tz": ("timestamptz", ("TIMESTAMP_TZ", 23, None, 0, 6, True)),
    "ltz": ("oracle_standin.timestamp_ltz", ("TIMESTAMP_LTZ", 23, None, 0, 6, True)),
    "cl": ("oracle_standin.clob", ("CLOB", None, None, None, None, True)),
    "ncl": ("oracle_standin.nclob", ("NCLOB", None, None, None, None, True)),
    "bl": ("oracle_standin.blob", ("BLOB", None, None, None, None, True)),
    "lo": ("oracle_standin.long", ("LONG", None, None, None, None, True)),
    "lor": ("oracle_standin.long_raw", ("LONG_RAW", None, None, None, None, True)),
    "r": ("bytea", ("RAW", 2000, 2000, None, None, True)),
    "bf": ("real", ("BINARY_FLOAT", 127, None, None, None, True)),
    "bd": ("double precision", ("BINARY_DOUBLE", 127, None, None, None, True)),
    "bo": ("oracle_standin.boolean", ("BOOLEAN", None, None, None, None, True)),
    "js": ("oracle_standin.json", ("JSON", None, None, None, None, True)),
}
ONLY_DESCRIBED = {
    "cl": "'x'", "ncl": "'x'", "bl": "'x'", "lo": "'x'", "lor": "'x'", "bo": "true", "js": "'1'",
}  # fmt: skip


@pytest.fixture(scope="module", params=["19c", "23ai"])
def server(behind: Behind, request: pytest.FixtureRequest) -> Iterator[OracleStandin]:
    with OracleStandin(behind.url, protocol=request.param) as standin:
        behind.execute(
            "DROP SCHEMA IF EXISTS apps CASCADE",
            "CREATE SCHEMA apps",
            "DROP DOMAIN IF EXISTS oracle_standin.nvarchar2_3, oracle_standin.nchar_4",
            "CREATE DOMAIN oracle_standin.nvarchar2_3 AS varchar(3)",
            "CREATE DOMAIN oracle_standin.nchar_4 AS character(4)",
            "CREATE TABLE apps.t ("
            + ", ".join(f"{name} {declared}" for name, (declared, _) in DESCRIBED.items())
            + ")",
            "CREATE VIEW apps.v AS SELECT * FROM apps.t",
        )
        yield standin


@pytest.fixture(scope="module")
def cursor(server: OracleStandin) -> Iterator[oracledb.Cursor]:
    with connect(server) as connection, connection.cursor() as opened:
        yield opened


@pytest.fixture(scope="module")
def editor(server: OracleStandin, behind: Behind) -> Iterator[psycopg.Connection]:
    """Past the stand-in, into the table that it shows."""
    del server
    with psycopg.connect(behind.url, autocommit=True) as connection:
        yield connection


def stored(editor: psycopg.Connection, **values: Any) -> None:
    """Make it the only row."""
    editor.execute("TRUNCATE apps.t")
    places = ", ".join(["0", *(["%s"] * len(values))])
    insert = f"INSERT INTO apps.t ({', '.join(['n', *values])}) VALUES ({places})"
    editor.execute(insert.encode(), list(values.values()))


def shown(description: Any) -> dict[str, tuple[Any, ...]]:
    return {
        name.lower(): (kind.name.removeprefix("DB_TYPE_"), *rest)
        for name, kind, *rest in description
    }


@pytest.mark.parametrize("columns", ["*", ", ".join(DESCRIBED)])
def test_a_table_is_described_without_rows(cursor: oracledb.Cursor, columns: str) -> None:
    cursor.execute(f"select {columns} from apps.t where 1 = 0")
    assert shown(cursor.description) == {name: last for name, (_, last) in DESCRIBED.items()}
    assert cursor.fetchall() == []


def test_a_view_has_the_types_of_its_table(cursor: oracledb.Cursor) -> None:
    cursor.execute("select * from v where 1 = 0")
    nullable = {name: (*last[:-1], True) for name, (_, last) in DESCRIBED.items()}
    assert shown(cursor.description) == nullable


def test_the_dictionary_names_the_types(cursor: oracledb.Cursor) -> None:
    cursor.execute("select column_name, data_type from all_tab_cols where table_name = 'T'")
    types = {name.lower(): kind for name, kind in cursor.fetchall()}
    some = {name: types[name] for name in ("n", "f", "v", "nv_3", "c", "nc", "d", "t0", "t3", "t9")}
    assert list(some.values()) == [
        "NUMBER", "FLOAT", "VARCHAR2", "NVARCHAR2", "CHAR", "NCHAR", "DATE", "TIMESTAMP(0)",
        "TIMESTAMP(3)", "TIMESTAMP(9)",
    ]  # fmt: skip
    others = ("t6", "ltz", "tz", "cl", "lor", "bf", "r")
    assert [types[name] for name in others] == [
        "TIMESTAMP(6)", "TIMESTAMP(6) WITH LOCAL TIME ZONE", "TIMESTAMP(6) WITH TIME ZONE",
        "CLOB", "LONG RAW", "BINARY_FLOAT", "RAW",
    ]  # fmt: skip


def test_the_dictionary_knows_precision_and_scale(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "select column_name, data_precision, data_scale, nullable from all_tab_cols"
        " where table_name = 'T' and column_name in ('N', 'N_8_2', 'F') order by column_name"
    )
    assert cursor.fetchall() == [
        ("F", 126, None, "Y"), ("N", None, None, "N"), ("N_8_2", 8, 2, "Y"),
    ]  # fmt: skip


def test_a_subquery_keeps_the_types(cursor: oracledb.Cursor) -> None:
    cursor.execute("select nv, f, t0 as moment from (select * from t) where 1 = 0")
    (nv, f, moment) = shown(cursor.description).values()
    assert (nv, f, moment) == tuple(DESCRIBED[name][1] for name in ("nv", "f", "t0"))


@pytest.mark.parametrize("name", ONLY_DESCRIBED)
@pytest.mark.parametrize("present", [True, False])
def test_a_row_of_what_is_only_described_is_refused(
    cursor: oracledb.Cursor, editor: psycopg.Connection, name: str, present: bool
) -> None:
    editor.execute("TRUNCATE apps.t")
    value = ONLY_DESCRIBED[name] if present else "NULL"
    editor.execute(f"INSERT INTO apps.t (n, {name}) VALUES (1, {value})".encode())
    with pytest.raises(oracledb.DatabaseError, match=f"ORA-03001.* {name.upper()}"):
        cursor.execute(f"select n, {name} from t").fetchall()


# -- texts -----------------------------------------------------------------------------------

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters=f"\0{NUL}{MALFORMED}"))


@given(_TEXTS)
@example("")
@example("x" * 1500)
@example("\U0001f600" * 1000)
@example("a b \u0301\ufeff\uffff")
@settings(max_examples=60)
def test_a_text_comes_back(cursor: oracledb.Cursor, editor: psycopg.Connection, text: str) -> None:
    padded = f"{text[:4]:4}"
    stored(editor, t=text, nv=text[:1999], c=text[:5], nc=text[:4])
    expected = (text or None, text[:1999] or None, f"{text[:5]:5}", padded)
    assert cursor.execute("select t, nv, c, nc from t").fetchall() == [expected]


@given(_TEXTS.map(lambda text: text[:5]), st.integers(1, 2**32 - 1))
@example("a   ", 1)
@settings(max_examples=40)
def test_the_blanks_of_a_char_count(
    cursor: oracledb.Cursor, editor: psycopg.Connection, text: str, seed: int
) -> None:
    stored(editor, c=text, v=text, t=f"{text:5}", nc=text[:4])
    cursor.execute(
        f"select length4(c), length4(nc), c || '|' || nc, substr(c, 2) || substr(c, 1, 1),"
        f" ora_hash(c, 4294967295, {seed}), ora_hash(t, 4294967295, {seed}),"
        f" ora_hash(v, 4294967295, {seed}),"
        " case when c = t then 1 else 0 end, case when v = c then 1 else 0 end,"
        " case when c in (v, 'no') then 1 else 0 end from t"
    )
    ((length, length_nc, joined, rotated, *hashes, equal, unequal, within),) = cursor.fetchall()
    padded, is_full = f"{text:5}", len(text) == 5
    assert (length, length_nc) == (5, 4)
    assert joined == f"{padded}|{text[:4]:4}"
    assert rotated == padded[1:] + padded[0]
    assert hashes[0] == hashes[1]
    assert (hashes[0] == hashes[2]) == is_full
    assert (equal, unequal, within) == (1, int(is_full), int(is_full))


def test_blanks_do_not_distinguish_two_chars_or_a_char_and_a_literal(
    cursor: oracledb.Cursor, editor: psycopg.Connection
) -> None:
    stored(editor, c="ab", nc="ab")
    cursor.execute("select count(*) from t where c = 'ab' and c = nc and c <> 'b' and 'ab ' = c")
    assert cursor.fetchone() == (1,)


@pytest.mark.parametrize(
    "expression",
    [
        "nvl(c, v)", "coalesce(v, c)", "case when 1 = 1 then c else v end", "greatest(c, t)",
        "decode(v, null, x.c)", "nvl2(v, v, (c))",
    ],
)  # fmt: skip
def test_a_char_beside_a_varchar2_keeps_its_blanks(
    cursor: oracledb.Cursor, editor: psycopg.Connection, expression: str
) -> None:
    stored(editor, c="ab", t="a")
    cursor.execute(f"select {expression}, length4({expression}) from t x")
    assert cursor.fetchall() == [("ab   ", 5)]


def test_a_char_in_a_set_operation_is_refused(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError, match="ORA-03001"):
        cursor.execute("select v from t union all select c from t")


def test_what_postgresql_cannot_hold_has_markers(
    cursor: oracledb.Cursor, editor: psycopg.Connection
) -> None:
    text = f"a{NUL}b"
    stored(editor, v=text, nv=text, c=text)
    cursor.execute("select v, nv, c, length4(v), v || 'c' from t")
    assert cursor.fetchall() == [("a\0b", "a\0b", "a\0b  ", 3, "a\0bc")]
    for column in ("v", "c", "nv"):
        stored(editor, **{column: f"a{MALFORMED}"})
        with pytest.raises(UnicodeDecodeError):
            cursor.execute(f"select {column} from t").fetchall()


# -- dates -----------------------------------------------------------------------------------

_ISO = "'{}', 'NLS_CALENDAR=GREGORIAN'"
_ERA = "case when extract(year from {0}) < 0 then ' BC' end"
_SORTED = "to_char({0}, 'SYYYYMMDDHH24MISS{1}', 'NLS_CALENDAR=GREGORIAN')"


@given(
    st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),  # noqa: DTZ001
    st.booleans(),
)
@example(dt.datetime(12, 3, 4, 5, 6, 7, 89), True)  # noqa: DTZ001
@example(dt.datetime(4712, 1, 1), True)  # noqa: DTZ001
@example(dt.datetime(9999, 12, 31, 23, 59, 59, 999999), False)  # noqa: DTZ001
@example(dt.datetime(1582, 10, 4), False)  # noqa: DTZ001
@settings(max_examples=60)
def test_a_moment_is_told_in_text(
    cursor: oracledb.Cursor, editor: psycopg.Connection, moment: dt.datetime, is_bc: bool
) -> None:
    if is_bc:  # years that are leap years in both calendars, or in neither
        moment = moment.replace(year=moment.year % 4712 + 1, month=3)
    second = moment.replace(microsecond=0)
    era = " BC" if is_bc else ""
    stored(editor, d=f"{second}{era}", t0=f"{second}{era}", t6=f"{moment}{era}")
    parts = [
        f"to_char({name}, {_ISO.format(f'YYYY-MM-DD HH24:MI:SS{fraction}')}) || {_ERA.format(name)}"
        for name, fraction in (("d", ""), ("t0", ""), ("t6", ".FF6"))
    ]
    cursor.execute(
        f"select {', '.join(parts)}, {_SORTED.format('d', '')}, {_SORTED.format('t6', 'FF6')},"
        " extract(year from d), extract(month from t6),"
        f" sum(to_number({_SORTED.format('d', '')})) from t group by d, t0, t6"
    )
    sign = "-" if is_bc else " "
    digits = f"{moment.year:04}{moment:%m%d%H%M%S}"
    assert cursor.fetchall() == [
        (
            f"{second}{era}",
            f"{second}{era}",
            f"{second}.{moment.microsecond:06}{era}",
            f"{sign}{digits}",
            f"{sign}{digits}{moment.microsecond:06}",
            -moment.year if is_bc else moment.year,
            moment.month,
            int(f"{sign.strip()}{digits}"),
        )
    ]


def test_a_date_has_no_fraction_of_a_second(cursor: oracledb.Cursor) -> None:
    cursor.execute("select to_char(t6, 'SS.FF6') from t where 1 = 0")
    for name in ("d", "t.d"):
        with pytest.raises(oracledb.DatabaseError, match="ORA-01821"):
            cursor.execute(f"select to_char({name}, 'SS.FF6') from t where 1 = 0")


@given(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)))  # noqa: DTZ001
@settings(max_examples=40)
def test_a_moment_comes_back(
    cursor: oracledb.Cursor, editor: psycopg.Connection, moment: dt.datetime
) -> None:
    second = moment.replace(microsecond=0)
    stored(editor, d=str(second), t0=str(second), t6=str(moment), ltz=f"{moment}+00")
    rows = cursor.execute("select d, t0, t6, ltz from t").fetchall()
    assert rows == [(second, second, moment, moment)]


def test_the_leap_day_of_1500_is_oracles_alone(
    cursor: oracledb.Cursor, editor: psycopg.Connection
) -> None:
    stored(editor, d="11504-02-29 13:14:15", t6="11504-02-29 13:14:15.25")
    cursor.execute(
        f"select to_char(d, {_ISO.format('YYYY-MM-DD HH24:MI:SS')}), {_SORTED.format('d', '')},"
        f" to_char(t6, 'DD.MM.YYYY FF2'), extract(year from d), extract(month from d),"
        f" sum(to_number({_SORTED.format('t6', '')})) from t group by d, t6"
    )
    assert cursor.fetchall() == [
        ("1500-02-29 13:14:15", " 15000229131415", "29.02.1500 25", 1500, 2, 15000229131415)
    ]
    with pytest.raises(ValueError, match="day"):  # no datetime can hold it
        cursor.execute("select d from t").fetchall()


@pytest.mark.parametrize(
    "moment", ["10000-01-01", "11504-02-28", "11204-02-29", "4713-12-31 BC", "infinity"]
)
@pytest.mark.parametrize(
    "expression", ["d", "to_char(d, 'YYYY')", "extract(year from d)"], ids=["value", "text", "year"]
)
def test_what_oracle_has_no_date_for_is_refused(
    cursor: oracledb.Cursor, editor: psycopg.Connection, moment: str, expression: str
) -> None:
    stored(editor, d=moment)
    with pytest.raises(oracledb.DatabaseError, match="ORA-01841"):
        cursor.execute(f"select {expression} from t").fetchall()


def test_what_only_the_driver_reads_comes_back(
    cursor: oracledb.Cursor, editor: psycopg.Connection
) -> None:
    stored(editor, r=b"\0\xff", bf=-1.5, bd=2.25, f="0.5", t3="2024-01-02 03:04:05.678")
    cursor.execute("select r, bf, bd, f, t3 from t")
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, 678000)  # noqa: DTZ001
    assert cursor.fetchall() == [(b"\0\xff", -1.5, 2.25, 0.5, moment)]
