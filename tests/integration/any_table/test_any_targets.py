"""Targets that somebody else has made, names that need quotes, periods that are odd."""

import re

import pytest

from support.any_table import AnyTables

# The source's type with a value of it, a type of the target that does not keep it, and how the
# statement of the remedy mends it.
OTHER_TYPES = [
    ("varchar(9)", "'a '", "varchar(10)", "ALTER COLUMN"),
    ("varchar(9)", "'a '", "character(10)", "DROP COLUMN"),
    ("character(3)", "'a'", "character(3)", "DROP COLUMN"),
    ("varchar(9)", "'a '", "other.text_of_ours", "DROP COLUMN"),
    ("varchar(9)", "'1'", "json", "DROP COLUMN"),
    ("varchar(9)", "'1'", "numeric", "DROP COLUMN"),
    ("numeric", "1.5", "numeric(12,2)", "ALTER COLUMN"),
    ("numeric", "1.5", "bigint", "ALTER COLUMN"),
    ("numeric", "1.5", "double precision", "DROP COLUMN"),
    ("numeric", "1.5", "text", "DROP COLUMN"),
    ("timestamp(6)", "'2024-01-01 00:00:00.5'", "timestamp(0)", "ALTER COLUMN"),
    ("timestamp(6)", "'2024-01-01 00:00:00.5'", "timestamptz", "DROP COLUMN"),
    ("timestamp(0)", "'2024-01-01 23:59:59'", "date", "ALTER COLUMN"),
    ("timestamp(0)", "'2024-01-01 23:59:59'", "numeric", "DROP COLUMN"),
]


@pytest.mark.parametrize(("own", "value", "other", "how"), OTHER_TYPES)
def test_another_type_is_refused_and_the_remedy_mends_it(
    tables: AnyTables, name: str, own: str, value: str, other: str, how: str
) -> None:
    tables.behind.execute(
        f'CREATE TABLE apps.{name} (id numeric, "order" {own})',
        f"INSERT INTO apps.{name} VALUES (1, {value}), (2, NULL)",
    )
    tables.define({"source": f"apps.{name}", "target": f"mb.{name}"})
    tables.target.execute(
        "CREATE SCHEMA IF NOT EXISTS mb; CREATE SCHEMA IF NOT EXISTS other;"
        " DROP DOMAIN IF EXISTS other.text_of_ours CASCADE;"
        " CREATE DOMAIN other.text_of_ours AS text;"
        f' CREATE TABLE mb.{name} (id numeric, "order" {other});'
        f" INSERT INTO mb.{name} VALUES (7, NULL)"
    )

    result = tables.job("run")

    assert result.exit_code == 69, result.stderr
    assert f"Column order of mb.{name} is " in result.failure["error"]
    assert tables.target.query(f"SELECT id FROM mb.{name}") == [(7,)]
    statement, then = result.failure["remedy"].split("; then ")
    assert how in statement
    tables.target.execute(statement)
    assert then == "`run --full`."
    assert tables.job("run", "--full", "--allow-shrink").exit_code == 0
    assert tables.target_rows(f"mb.{name}", ["id", '"order"']) == tables.source_rows(f"apps.{name}")


WIDER = [
    ("varchar(9)", "'a '", "varchar"),
    ("timestamp(0)", "'2024-01-01 23:59:59'", "timestamp"),
    ("timestamp(3)", "'2024-01-01 23:59:59.123'", "timestamp(6)"),
    ("timestamp(0)", "'0044-03-15 BC'", "timestamp(6)"),
]


@pytest.mark.parametrize(("own", "value", "other"), WIDER)
def test_a_type_that_keeps_every_value_works(
    tables: AnyTables, name: str, own: str, value: str, other: str
) -> None:
    tables.behind.execute(
        f"CREATE TABLE apps.{name} (id numeric, x {own})",
        f"INSERT INTO apps.{name} VALUES (1, {value}), (2, NULL)",
    )
    tables.target.execute(
        f"CREATE SCHEMA IF NOT EXISTS mb; CREATE TABLE mb.{name} (x {other}, id numeric)"
    )
    tables.define({"source": f"apps.{name}", "target": f"mb.{name}"})

    assert tables.job("run").exit_code == 0
    assert tables.target_rows(f"mb.{name}", ["id", "x"]) == tables.source_rows(f"apps.{name}")
    assert tables.job("verify", "--rows").exit_code == 0


NAMES = ["order", "year#", "user$x", "date", "select", "_x", "level", "number"]


def test_names_that_need_quotes(tables: AnyTables, name: str) -> None:
    """As key, as period, in a query for some of the periods, in a comment."""
    columns = ", ".join(f'"{each}" numeric' for each in NAMES)
    comment = "100 % of \"it''s\" \\ :x %s %(a)s {} \u00e9"
    tables.behind.execute(
        f"CREATE TABLE apps.{name} ({columns})",
        f"INSERT INTO apps.{name} SELECT n, 2024, n, n FROM generate_series(1, 5) AS n",
        f"COMMENT ON COLUMN apps.{name}.\"order\" IS '{comment}'",
        f"COMMENT ON TABLE apps.{name} IS '{comment}'",
    )
    tables.define(
        {
            "source": f"apps.{name}",
            "target": f"mb.{name}",
            "period": {"year": "YEAR#", "month": "date"},
            "key": ["order", "select"],
        }
    )
    assert tables.job("run").exit_code == 0
    tables.behind.execute(f'UPDATE apps.{name} SET level = 9 WHERE "order" IN (2, 3)')

    result = tables.job("run", "--report", "-")

    assert result.exit_code == 0, result.stderr
    assert result.event("run_finished")["rows_inserted"] == 2
    quoted = [f'"{each}"' for each in NAMES]
    assert tables.target_rows(f"mb.{name}", quoted) == tables.source_rows(f"apps.{name}")
    assert tables.target.query(
        f"SELECT col_description('mb.{name}'::regclass, 1), obj_description('mb.{name}'::regclass)"
    ) == [(comment.replace("''", "'"),) * 2]
    assert tables.job("verify", "--rows").exit_code == 0


def test_load_columns(tables: AnyTables, name: str) -> None:
    tables.behind.execute(
        f"CREATE TABLE apps.{name} (id numeric)", f"INSERT INTO apps.{name} VALUES (1)"
    )
    definition = {"source": f"apps.{name}", "target": f"mb.{name}"}
    tables.define(definition | {"load_columns": ["loaded", "line"]})
    tables.target.execute(
        f"CREATE SCHEMA IF NOT EXISTS mb; CREATE TABLE mb.{name} (id numeric, loaded timestamptz,"
        " line bigint GENERATED ALWAYS AS IDENTITY)"
    )

    without_default = tables.job("run")
    tables.target.execute(f"ALTER TABLE mb.{name} ALTER loaded SET DEFAULT now()")
    result = tables.job("run")

    assert without_default.exit_code == 69
    assert "load column loaded is missing or has no default" in without_default.failure["error"]
    assert result.exit_code == 0, result.stderr
    assert tables.target.query(
        f"SELECT id, loaded > now() - interval '1 minute', line FROM mb.{name}"
    ) == [(1, True, 1)]

    tables.define(definition | {"load_columns": ["loaded"]})
    assert "column line is not loaded" in tables.job("run").failure["error"]
    tables.behind.execute(f"ALTER TABLE apps.{name} ADD loaded timestamp(0)")
    both = tables.job("run")
    assert both.exit_code == 78
    said = f"Load column loaded of mb.{name} is also a column of apps.{name}."
    assert said in both.failure["error"]


def test_absurd_years_and_months(tables: AnyTables, name: str) -> None:
    tables.behind.execute(
        f"CREATE TABLE apps.{name} (id numeric, y numeric, m numeric)",
        f"INSERT INTO apps.{name} VALUES (1, 1e125, 0.5), (2, NULL, 1), (3, 2024, NULL),"
        " (4, NULL, NULL), (5, -1, 13), (6, 1e-130, -1e125), (7, 99999, 1)",
    )
    entries = {"period": {"year": "y", "month": "m"}}
    tables.define({"source": f"apps.{name}", "target": f"mb.{name}", **entries})
    assert tables.job("run").exit_code == 0
    for edit in (
        f"UPDATE apps.{name} SET id = id + 10 WHERE id <> 7",
        f"DELETE FROM apps.{name} WHERE y IS NULL OR m = 0.5",
    ):
        tables.behind.execute(edit)
        tables.target.execute(
            f"INSERT INTO mb.{name} VALUES (1, 'Infinity', 'NaN'), (1, 'NaN', '-Infinity'),"
            " (1, '-Infinity', NULL), (1, NULL, 'NaN'), (1, NULL, 0.1), (1, 0.1, NULL)"
        )

        result = tables.job("run", "--allow-shrink")

        assert result.exit_code == 0, result.stderr
        assert tables.target_rows(f"mb.{name}") == tables.source_rows(f"apps.{name}")


def test_absurd_dates(tables: AnyTables, name: str) -> None:
    tables.behind.execute(
        f"CREATE TABLE apps.{name} (id numeric, d timestamp(0))",
        f"INSERT INTO apps.{name} VALUES (1, '2024-01-01'), (2, NULL), (3, '4712-01-01 BC'),"
        " (4, '9999-12-31 23:59:59'), (5, '0012-03-01'), (6, '0012-03-01 BC')",
    )
    tables.define({"source": f"apps.{name}", "target": f"mb.{name}", "period": {"date": "d"}})
    assert tables.job("run").exit_code == 0
    for edit in (
        f"UPDATE apps.{name} SET id = id + 10 WHERE id <> 1",
        f"DELETE FROM apps.{name} WHERE d IS NULL OR d < '0001-01-01'",
    ):
        tables.behind.execute(edit)
        tables.target.execute(
            f"INSERT INTO mb.{name} VALUES (1, 'infinity'), (1, '-infinity'), (1, '20000-01-01'),"
            " (1, '2024-01-31 23:59:59')"
        )

        result = tables.job("run", "--allow-shrink")

        assert result.exit_code == 0, result.stderr
        assert tables.target_rows(f"mb.{name}") == tables.source_rows(f"apps.{name}")


def test_an_infinite_date_is_a_difference(tables: AnyTables, name: str) -> None:
    tables.behind.execute(
        f"CREATE TABLE apps.{name} (d timestamp(0))",
        f"INSERT INTO apps.{name} VALUES ('2024-01-01'), (NULL)",
    )
    tables.define({"source": f"apps.{name}", "target": f"mb.{name}"})
    assert tables.job("run").exit_code == 0
    tables.target.execute(f"UPDATE mb.{name} SET d = 'infinity' WHERE d IS NOT NULL")

    assert tables.job("verify").exit_code == 65
    assert tables.job("run", "--full").exit_code == 0
    assert tables.job("verify", "--rows").exit_code == 0


def test_other_periods_load_all_again(tables: AnyTables, name: str) -> None:
    tables.behind.execute(
        f"CREATE TABLE apps.{name} (y numeric, m numeric, d timestamp(0))",
        f"INSERT INTO apps.{name} VALUES (2024, 1, '2023-12-31'), (2024, 2, NULL), (NULL, 1, NULL)",
    )
    definition = {"source": f"apps.{name}", "target": f"mb.{name}"}
    for entries in (
        {},
        {"period": {"date": "d"}},
        {"period": {"year": "y", "month": "m"}},
        {"period": {"year": "m", "month": "y"}},
        {},
    ):
        tables.define(definition | entries)

        result = tables.job("run")

        assert result.exit_code == 0, result.stderr
        assert result.event("run_finished")["rows_read"] == 3
        assert tables.target_rows(f"mb.{name}") == tables.source_rows(f"apps.{name}")
        assert tables.job("run").event("run_finished")["rows_read"] == 0
    assert tables.target.query(
        f"SELECT period FROM mb.etl_sales_target_periods WHERE target_table = 'mb.{name}'"
    ) == [("all",)]


def test_a_statement_of_a_remedy_is_sql(tables: AnyTables, name: str) -> None:
    """A column that appears: the statement is run as it stands, and the next run fills it."""
    tables.behind.execute(
        f"CREATE TABLE apps.{name} (id numeric)", f"INSERT INTO apps.{name} VALUES (1)"
    )
    tables.define({"source": f"apps.{name}", "target": f"mb.{name}"})
    assert tables.job("run").exit_code == 0
    tables.behind.execute(
        f'ALTER TABLE apps.{name} ADD "select" timestamp(3)',
        f"""UPDATE apps.{name} SET "select" = '2024-01-01 00:00:00.5'""",
    )
    remedy = tables.job("run").failure["remedy"]

    statement = re.match("ALTER TABLE [^;]*", remedy)
    assert statement
    tables.target.execute(statement[0])

    assert tables.job("run").exit_code == 0
    assert tables.target_rows(f"mb.{name}") == tables.source_rows(f"apps.{name}")
