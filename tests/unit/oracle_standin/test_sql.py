"""What the stand-in answers, what it refuses and how; nothing in between."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle_standin.binds import literal
from oracle_standin.dialect import parse
from oracle_standin.errors import OraError
from oracle_standin.functions import AGGREGATES
from oracle_standin.sql import Relation, Translation, translate


def translated(sql: str) -> Translation:
    """Every name is a table in the schema that it says, or in `apps`."""
    return translate(
        parse(sql),
        lambda owner, name: Relation((owner or "APPS").lower(), name.lower()),
        {"p": "%"},
        {"current_schema": "APPS"},
    )


def test_except_is_known_where_the_server_is_new_enough() -> None:
    sql = "select a from t except all select a from u"

    assert parse(sql, knows_except=True).args["distinct"] is False


def code_of(sql: str) -> int:
    with pytest.raises(OraError) as raised:
        translated(sql)
    return raised.value.code


@pytest.mark.parametrize(
    ("sql", "rendered"),
    [
        ("a from t", '"a" FROM "apps"."t" AS "t"'),
        ('"a" from s.T', '"A" FROM "s"."t" AS "t"'),
        ("a from t where a = ''", '"a" FROM "apps"."t" AS "t" WHERE ("a" = NULL)'),
        ("a from t order by a", '"a" FROM "apps"."t" AS "t" ORDER BY "a" ASC NULLS LAST'),
        ("a from t order by a desc", '"a" FROM "apps"."t" AS "t" ORDER BY "a" DESC NULLS FIRST'),
        ("a from t where rownum < 3", '"a" FROM "apps"."t" AS "t" LIMIT greatest(ceil(3) - 1, 0)'),
        ("a from t x where not x.a = 1", '"a" FROM "apps"."t" AS "x" WHERE (NOT ("x"."a" = 1))'),
        ("a from t, u", '"a" FROM "apps"."t" AS "t" CROSS JOIN "apps"."u" AS "u"'),
        ("a from t where b = :p", """"a" FROM "apps"."t" AS "t" WHERE ("b" = '%')"""),
        (
            "a from t where a not like 1",
            '"a" FROM "apps"."t" AS "t" WHERE ("a" NOT LIKE 1 ESCAPE \'\')',
        ),
    ],
)
def test_queries_are_rendered(sql: str, rendered: str) -> None:
    assert translated(f"select {sql}").sql.replace("::numeric", "") == f"SELECT {rendered}"


@pytest.mark.parametrize(
    ("sql", "rendered"),
    [
        ("delete from t where a = 1", 'DELETE FROM "apps"."t" AS "t" WHERE ("a" = 1)'),
        ("update t set a = b", 'UPDATE "apps"."t" AS "t" SET "a" = "b"'),
        ("insert into t (a) values (1)", 'INSERT INTO "apps"."t" AS "t" ("a") VALUES (1)'),
    ],
)
def test_changes_are_rendered(sql: str, rendered: str) -> None:
    assert translated(sql).sql.replace("::numeric", "") == rendered


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("select a from t", "A"),
        ('select "a" from t', "a"),
        ("select count(*) from t", "COUNT(*)"),
        ("select nvl( a , 0 ) from t", "NVL(A,0)"),
        ("select a as b from t", "B"),
        ("select a || 'x' from t", "A||'X'"),
        ("select a from t union select b from t", "A"),
    ],
)
def test_columns_are_named_as_oracle_names_them(sql: str, name: str) -> None:
    assert translated(sql).column_names == [name]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("", 933),
        ("selec a from t", 900),
        ("select a from t; delete from t", 933),
        ("select 1", 923),
        ("select *, a from t", 923),
        ("select a, from t", 936),
        ("select a b c from t", 900),
        # Other databases' SQL, which sqlglot reads.
        ("select a from t limit 5", 3001),
        ("select a from t as x", 933),
        ("select a from (select a from t) as x", 933),
        ("select a::number from t", 911),
        ("select a from t where a == 1", 936),
        ("select a from t except select a from u", 933),
        ("select a from t where a ilike 'x'", 3001),
        ("select a % 2 from t", 3001),
        ("select true from dual", 3001),
        ("insert into t values (1), (2)", 933),
        ("values (1)", 3001),
        ("select a as x from t group by x", 904),
        ("select a from t group by 1", 3001),
        ("with recursive x as (select 1 from dual) select 2 from x", 3001),
        # Oracle's SQL that the stand-in does not know.
        ("select 1d from dual", 3001),
        ("select 1.5f from dual", 3001),
        ("select a from t where a = b(+)", 3001),
        ("select a from t for update", 3001),
        ("select a from t sample (10)", 3001),
        ("select a from t as of scn 5", 933),
        ("select count(*) over () from t", 3001),
        ("select a from t group by rollup(a)", 3001),
        ("select a from t order by a fetch first 5 rows with ties", 3001),
        ("select a from t where rownum <= 5 order by a", 3001),
        ("select count(*) from t where rownum <= 5", 3001),
        ("select rownum from t", 3001),
        ("select ora_rowscn from t", 3001),
        ("select interval '1' day from dual", 3001),
        ("merge into t using u on (t.a = u.a) when matched then update set t.b = 1", 3001),
        ("create table x (a number)", 3001),
        ("drop table t", 3001),
        ("truncate table t", 3001),
        ("lock table t in exclusive mode", 900),
        ("begin null; end;", 900),
        # Functions.
        ("select no_such_function(a) from t", 904),
        ("select stddev(a) from t", 904),
        ("select nvl(a) from t", 938),
        ("select to_char() from t", 938),
        ("select extract(hour from a) from t", 3001),
        ("select to_char(a, 'FF7') from t", 1821),
        ("select to_date(a, 'SYYYY') from t", 1821),
        ("select nvl(a, b, c) from t", 939),
        ("select count(a, b) from t", 909),
        ("select sum(*) from t", 909),
        ("select to_char(a, '999.99') from t", 1821),
        ("select to_char(a, b) from t", 1821),
        ("select to_char(a, 'TM9', 'NLS_NUMERIC_CHARACTERS='',.''') from t", 12702),
        ("select to_date('1', 'WW') from dual", 1821),
        ("select ora_hash(a, -1) from t", 1428),
        ("select ora_hash(a, 4294967296) from t", 1428),
        ("select ora_hash(a, b) from t", 1428),
        ("select sys_context('userenv', 'no_such_key') from dual", 2003),
        ("select sys_context('other', 'current_schema') from dual", 2003),
        ("select :missing from dual", 1008),
    ],
)
def test_what_is_not_understood_is_refused(sql: str, code: int) -> None:
    assert code_of(sql) == code


_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
_POSTGRESQL_ONLY = ["pg_sleep", "current_setting", "lo_import", "md5", "generate_series", "version"]


@given(_NAMES.map(lambda name: f"zz_{name}") | st.sampled_from(_POSTGRESQL_ONLY))
def test_a_function_that_is_not_listed_never_reaches_postgresql(name: str) -> None:
    assert name.upper() not in AGGREGATES
    assert code_of(f"select {name}(a) from t") == 904


_FRAGMENTS = re.findall(
    r"\S+",
    """
    select from where group_by order_by a b t 1 'x' '' ( ) , * = <> || + - / and or not in is_null
    like exists nvl count sum case_when then end as join on union_all minus distinct rownum
    fetch_first_1_rows_only dual with null between having insert_into values update set delete_from
    :a "q" -- /* ; :: @
    """,
)


@given(st.lists(st.sampled_from(_FRAGMENTS), max_size=14))
def test_any_text_is_either_understood_or_an_ora_error(fragments: list[str]) -> None:
    with contextlib.suppress(OraError):
        assert translated("select a from t " + " ".join(fragments).replace("_", " ")).sql


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30))
def test_a_text_in_sql_is_the_same_text_behind_it(text: str) -> None:
    quoted = text.replace("'", "''")
    rendered = translated(f"select a from t where a = '{quoted}'").sql
    assert rendered.endswith(f'WHERE ("a" = {literal(text)})')


@given(st.text(st.characters(exclude_characters='\0"', codec="utf-8"), min_size=1, max_size=20))
def test_a_quoted_name_stays_a_name(name: str) -> None:
    relation = Relation("apps", 'x" ; drop table y; --')
    assert str(relation) == '"apps"."x"" ; drop table y; --"'
    rendered = translated(f'select "{name}" from t').sql
    assert rendered.count('"') == 8 or name == "*"


def test_the_time_is_one_moment_a_statement_and_never_kept() -> None:
    translation = translated("select sysdate, sysdate, systimestamp from dual")
    assert not translation.is_stable
    first, second = translation.sql.split("'")[1:4:2]
    assert first == second


def test_relations_are_all_that_an_answer_depends_on() -> None:
    sql = "select a from t where exists (select 1 from s.u) union all select b from v, dual"
    assert {str(relation) for relation in translated(sql).relations} == {
        '"apps"."t"',
        '"s"."u"',
        '"apps"."v"',
        '"apps"."dual"',
    }
