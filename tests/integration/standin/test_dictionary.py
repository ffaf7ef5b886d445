"""Tables, views, synonyms: by name, in Oracle's dictionary, and through SQLAlchemy's eyes."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import oracledb
import pytest
import sqlalchemy
from sqlalchemy import MetaData, Table, create_engine, inspect
from sqlalchemy.dialects.oracle import NUMBER

from oracle_standin import OracleStandin
from support.standin import Behind


@pytest.fixture(scope="module", autouse=True)
def _objects(behind: Behind, server: OracleStandin) -> None:
    behind.execute(
        "CREATE SCHEMA gl",
        "CREATE TABLE apps.kinds (id integer PRIMARY KEY, n numeric(10, 2) NOT NULL CHECK (n > 0),"
        " t varchar(30) UNIQUE, d timestamp(0), ts timestamp, tz timestamptz, b float8, r bytea,"
        ' c char(3), "Mixed" numeric, "lower" numeric)',
        "CREATE TABLE gl.lines (id integer REFERENCES apps.kinds ON DELETE CASCADE)",
        "CREATE INDEX by_n ON apps.kinds (n, t)",
        "COMMENT ON TABLE apps.kinds IS 'of every kind'",
        "COMMENT ON COLUMN apps.kinds.n IS 'an amount'",
        "INSERT INTO apps.kinds (id, n, t) VALUES (1, 2.50, 'x')",
        "CREATE VIEW apps.kinds_v AS SELECT id, n FROM apps.kinds",
        "CREATE TABLE apps.forbidden (n numeric)",
        "INSERT INTO oracle_standin.hidden VALUES ('APPS', 'FORBIDDEN')",
        "INSERT INTO oracle_standin.synonyms VALUES"
        " ('APPS', 'OWN', 'GL', 'LINES'), ('PUBLIC', 'EVERYBODYS', 'APPS', 'KINDS_V'),"
        " ('APPS', 'DANGLING', 'GL', 'NOTHING')",
    )  # fmt: skip


@pytest.fixture(scope="module")
def engine(server: OracleStandin) -> Iterator[sqlalchemy.Engine]:
    url = sqlalchemy.URL.create(
        "oracle+oracledb", server.user, server.password, server.host, server.port,
        query={"service_name": server.service_name},
    )  # fmt: skip
    made = create_engine(url)
    yield made
    made.dispose()


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("kinds", 1),
        ("KINDS", 1),
        ("apps.kinds", 1),
        ('APPS."KINDS"', 1),
        ("kinds_v", 1),
        ("gl.lines", 0),
        ("own", 0),
        ("apps.own", 0),
        ("everybodys", 1),
        ("public.everybodys", 1),
    ],
)
def test_an_object_is_found_by_name(connection: oracledb.Connection, name: str, rows: int) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute(f"select count(*) from {name}").fetchone() == (rows,)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("lines", "ORA-00942"),
        ('"kinds"', "ORA-00942"),
        ("gl.kinds", "ORA-00942"),
        ("gl.own", "ORA-00942"),
        ("apps.everybodys", "ORA-00942"),
        ("dangling", "ORA-00942"),
        ("pg_class", "ORA-00942"),
        ("pg_catalog.pg_class", "ORA-00942"),
        ("oracle_standin.changes", "ORA-00942"),
        ("forbidden", "ORA-01031"),
    ],
)
def test_an_object_that_one_may_not_read_has_its_code(
    connection: oracledb.Connection, name: str, code: str
) -> None:
    with connection.cursor() as cursor, pytest.raises(oracledb.DatabaseError, match=code):
        cursor.execute(f"select 1 from {name}")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select table_name from all_tables where owner = 'GL'", [("LINES",)]),
        ("select view_name from all_views where owner = 'APPS'", [("KINDS_V",)]),
        ("select table_owner, table_name from all_synonyms where synonym_name = 'OWN'",
            [("GL", "LINES")]),
        ("select object_type from all_objects where object_name = 'EVERYBODYS'", [("SYNONYM",)]),
        ("select data_precision from all_tab_columns where data_scale = 2", [(10,), (10,)]),
        ("select data_type from all_tab_columns where column_name = 'D'", [("DATE",)]),
        ("select count(*) from all_tab_columns where table_name = 'KINDS' and nullable = 'N'",
            [(2,)]),
        ("select comments from all_col_comments where comments is not null", [("an amount",)]),
        ("select banner from v$version", [
            ("Oracle Database 19c Enterprise Edition Release 19.0.0.0.0 - Production",)]),
        ("select username from all_users order by username", [("APPS",), ("GL",)]),
    ],
)  # fmt: skip
def test_the_dictionary_knows(
    connection: oracledb.Connection, sql: str, expected: list[tuple[Any, ...]]
) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute(sql).fetchall() == expected


def test_columns_are_described_with_type_and_size(connection: oracledb.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select k.*, n * 2 from kinds k")
        described = {info.name: info for info in cursor.description}
    assert [*described][:3] == ["ID", "N", "T"]
    assert {"Mixed", "LOWER", "N*2"} <= {*described}
    assert (described["N"].precision, described["N"].scale) == (10, 2)
    assert (described["N*2"].precision, described["N*2"].scale) == (0, -127)
    assert described["T"].display_size >= 30
    types = {name: info.type_code.name for name, info in described.items()}
    assert [types[name] for name in ("D", "TS", "TZ", "B", "R")] == [
        "DB_TYPE_DATE", "DB_TYPE_TIMESTAMP", "DB_TYPE_TIMESTAMP_TZ", "DB_TYPE_BINARY_DOUBLE",
        "DB_TYPE_RAW",
    ]  # fmt: skip


def test_sqlalchemy_inspects(engine: sqlalchemy.Engine) -> None:
    inspector = inspect(engine)
    assert sorted(inspector.get_table_names(schema="apps")) == ["forbidden", "kinds"]
    assert inspector.get_view_names(schema="apps") == ["kinds_v"]
    assert inspector.get_schema_names() == ["apps", "gl"]
    assert inspector.default_schema_name == "apps"
    assert inspector.has_table("kinds", schema="apps")
    assert inspector.has_table("kinds_v")
    assert not inspector.has_table("lines", schema="apps")
    assert inspector.get_pk_constraint("kinds") == {
        "name": "kinds_pkey", "constrained_columns": ["id"],
    }  # fmt: skip
    assert inspector.get_table_comment("kinds") == {"text": "of every kind"}
    (unique,) = inspector.get_unique_constraints("kinds")
    assert unique["column_names"] == ["t"]
    (check,) = inspector.get_check_constraints("kinds")
    assert "n >" in check["sqltext"]
    names = {index["name"]: index["column_names"] for index in inspector.get_indexes("kinds")}
    assert names == {"by_n": ["n", "t"], "kinds_t_key": ["t"]}
    (foreign,) = inspector.get_foreign_keys("lines", schema="gl")
    assert (foreign["referred_table"], foreign["options"]) == ("kinds", {"ondelete": "CASCADE"})


def test_sqlalchemy_reflects_and_reads_a_table(engine: sqlalchemy.Engine) -> None:
    table = Table("kinds", MetaData(), autoload_with=engine)
    number = table.c.n.type
    assert isinstance(number, NUMBER)
    assert (number.precision, number.scale, table.c.n.nullable) == (10, 2, False)
    assert table.c.n.comment == "an amount"
    assert [*table.primary_key.columns] == [table.c.id]
    with engine.connect() as connection:
        query = sqlalchemy.select(table.c.n, table.c.t).where(table.c.id == 1).limit(1)
        assert [tuple(map(str, row)) for row in connection.execute(query)] == [("2.5", "x")]
        connection.execute(table.insert().values(id=2, n=Decimal("3.25")))
        total = connection.scalar(sqlalchemy.select(sqlalchemy.func.sum(table.c.n)))
        assert str(total) == "5.75"
        connection.rollback()
        assert connection.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)) == 1
