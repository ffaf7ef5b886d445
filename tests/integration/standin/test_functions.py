"""Oracle's functions and Oracle's ideas of NULL, text and order.

These run against a real Oracle too, where ORACLE_TEST_CONN names one: they say what Oracle does.
"""

from decimal import Decimal
from typing import Any

import oracledb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.source_database import ORACLE_TEST_CONN
from support.standin import numbers_as_text
from support.strategies import numbers

TM9 = "to_char({}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')"


def value(connection: oracledb.Connection, expression: str, *binds: Any) -> Any:
    """What one expression FROM DUAL gives; a NUMBER as text."""
    with connection.cursor() as cursor:
        cursor.outputtypehandler = numbers_as_text
        return cursor.execute(f"select {expression} from dual", binds).fetchone()[0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("dummy", "X"),
        ("nvl(null, 'x')", "x"),
        ("nvl('', 'x')", "x"),
        ("nvl(1, 2)", "1"),
        ("nvl2(null, 1, 2)", "2"),
        ("coalesce(null, null, 3)", "3"),
        ("decode(null, null, 'same', 'other')", "same"),
        ("decode(2, 1, 'one', 2, 'two')", "two"),
        ("decode(3, 1, 'one')", None),
        ("greatest(1, null, 3)", None),
        ("least(2, 1, 3)", "1"),
        ("nullif(1, 1)", None),
        ("case when null = null then 1 else 2 end", "2"),
        # NUMBER.
        ("mod(11, 4)", "3"),
        ("mod(-11, 4)", "-3"),
        ("mod(11, -4)", "3"),
        ("mod(11, 0)", "11"),
        ("mod(1.5, 0.4)", ".3"),
        ("1 / 3", "." + "3" * 40),
        ("power(2, 100)", "1267650600228229401496703205376"),
        ("bitand(12, 10)", "8"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(1234.567, -2)", "1200"),
        ("trunc(-1.999, 2)", "-1.99"),
        ("ceil(-1.5)", "-1"),
        ("floor(-1.5)", "-2"),
        ("sign(-0.1)", "-1"),
        ("abs('-0.10')", ".1"),
        ("to_number('1e3')", "1000"),
        # Text: the empty one is NULL.
        ("length('')", None),
        ("length('äx')", "2"),
        ("'a' || null || 'b'", "ab"),
        ("null || ''", None),
        ("concat('a', 1)", "a1"),
        ("1 || 0.50", "1.5"),
        ("substr('abcdef', 0, 2)", "ab"),
        ("substr('abcdef', -3, 2)", "de"),
        ("substr('abc', 4)", None),
        ("upper('aäß')", "AÄß"),
        ("lower('AÄ')", "aä"),
        ("trim('  a ')", "a"),
        ("case when '' is null then 'null' end", "null"),
        ("case when 'a' like 'A' then 1 else 0 end", "0"),
        ("case when 'a_b' like 'a\\_b' escape '\\' then 1 else 0 end", "1"),
        # TO_CHAR.
        ("to_char(0.5)", ".5"),
        ("to_char(-0.5)", "-.5"),
        ("to_char(100)", "100"),
        (TM9.format("-0.10"), "-.1"),
        (TM9.format("1e62"), "1" + "0" * 62),
        (TM9.format("1e64"), "1E+64"),
        (TM9.format("1.5e-70"), "1.5E-70"),
        (TM9.format("null"), None),
        # Dates.
        ("to_char(to_date('2024-02-29', 'YYYY-MM-DD'), 'DD.MM.YYYY HH24:MI:SS')",
            "29.02.2024 00:00:00"),
        ("to_char(date '2024-12-31', 'Q')", "4"),
        ("to_char(trunc(to_date('2024-05-17', 'YYYY-MM-DD'), 'MM'), 'YYYY-MM-DD')", "2024-05-01"),
    ],
)  # fmt: skip
def test_a_function_answers_as_oracle_does(
    oracle: oracledb.Connection, expression: str, expected: str | None
) -> None:
    answer = value(oracle, expression)
    plain = isinstance(answer, str) and answer.startswith(("0.", "-0."))
    assert (answer.replace("0.", ".", 1) if plain else answer) == expected


@given(numbers())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tm9_writes_every_digit(oracle: oracledb.Connection, number: Decimal) -> None:
    text = value(oracle, TM9.format(":1"), number)
    assert Decimal(text) == number
    assert len(text) <= 64
    assert "E" not in text or len(format(abs(number), "f").lstrip("0")) > 60


@given(st.text("ab|1~", min_size=1, max_size=4), st.integers(0, 2**32 - 1))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ora_hash_depends_on_text_and_seed_and_nothing_else(
    oracle: oracledb.Connection, text: str, seed: int
) -> None:
    def hashed(*arguments: Any) -> int:
        places = ", ".join(f":{position}" for position in range(1, len(arguments) + 1))
        return int(value(oracle, f"ora_hash({places})", *arguments))

    everything = 2**32 - 1
    full = hashed(text, everything, seed)
    assert full == hashed(text, everything, seed)
    assert 0 <= full <= everything
    assert 0 <= hashed(text, 99, seed) <= 99
    assert hashed(text) == hashed(text, everything, 0) == hashed(text, everything)
    assert full != hashed(text + "x", everything, seed)
    assert full != hashed(text, everything, (seed + 1) % everything)


def test_ora_hash_spreads(oracle: oracledb.Connection) -> None:
    columns = ", ".join(f"ora_hash('{n}', 9)" for n in range(500))
    with oracle.cursor() as cursor:
        buckets = cursor.execute(f"select {columns} from dual").fetchone()
    assert all(25 <= buckets.count(bucket) <= 80 for bucket in range(10))


def test_nulls_come_last_and_first_when_descending(oracle: oracledb.Connection) -> None:
    rows = "select 1 n from dual union all select null from dual union all select 2 from dual"
    with oracle.cursor() as cursor:
        assert cursor.execute(f"{rows} order by n").fetchall() == [(1,), (2,), (None,)]
        assert cursor.execute(f"{rows} order by n desc").fetchall() == [(None,), (2,), (1,)]


def test_aggregates_pass_over_null(oracle: oracledb.Connection) -> None:
    with oracle.cursor() as cursor:
        cursor.execute(
            "select count(*), count(n), count(distinct n), sum(n), avg(n), min(n), max(n) from ("
            "select 1 n from dual union all select 1 from dual union all select null from dual)"
        )
        assert cursor.fetchall() == [(3, 2, 1, 2, 1, 1, 1)]
        cursor.execute("select count(*), sum(1) from dual where 1 = 0")
        assert cursor.fetchall() == [(0, None)]


def test_rownum_limits(oracle: oracledb.Connection) -> None:
    rows = "(select 1 n from dual union all select 2 from dual union all select 3 from dual)"
    with oracle.cursor() as cursor:
        for condition, count in (("<= 2", 2), ("< 2", 1), ("= 1", 1), ("<= 0", 0), ("< 2.5", 2)):
            cursor.execute(f"select n from {rows} where rownum {condition}")
            assert len(cursor.fetchall()) == count


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select 1 from no_such_table", 942),
        ("select 1 from sys.no_such_table", 942),
        ("select no_such_column from dual", 904),
        ("select d.dummy from dual e", 904),
        ("select no_such_function(1) from dual", 904),
        ("select 1", 923),
        ("select 1 from dual limit 1", 933),
        ("select dummy, from dual", 936),
        ("select dummy, count(*) from dual", 979),
        ("select 1/0 from dual", 1476),
        ("select to_number('x') from dual", 1722),
        ("select 'a' + 1 from dual", 1722),
        ("select to_char(sysdate, 'NONSENSE') from dual", 1821),
        ("select to_date('2024-13-01', 'YYYY-MM-DD') from dual", 1843),
        ("select dummy d from dual group by d", 904),
    ],
)
def test_a_mistake_has_its_ora_code(oracle: oracledb.Connection, sql: str, code: int) -> None:
    accepted = {code} | ({3001} if not ORACLE_TEST_CONN and "limit" in sql else set())
    with oracle.cursor() as cursor, pytest.raises(oracledb.DatabaseError) as raised:
        cursor.execute(sql)
    assert raised.value.args[0].code in accepted


def test_an_unbound_variable_is_an_error(oracle: oracledb.Connection) -> None:
    with (
        oracle.cursor() as cursor,
        pytest.raises(oracledb.DatabaseError, match=r"DPY-4010|ORA-01008"),
    ):
        cursor.execute("select :missing from dual")
