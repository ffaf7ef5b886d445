"""The statements: their text in both dialects, what they select, and how their answers are read."""

import dataclasses
import sqlite3
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ClauseElement
from sqlalchemy.dialects import oracle, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import quoted_name

from etl_sales_target.core import control_totals, digest, statements
from etl_sales_target.core.columns import NUMBER, Column, ColumnType, Kind
from etl_sales_target.core.control_totals import ControlTotals
from etl_sales_target.core.definitions import MonthOfDate, TableDefinition, TableLayout
from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.names import TableName
from etl_sales_target.core.periods import WHOLE_TABLE, Period
from etl_sales_target.core.statements import SqlTable
from support.builders import LAYOUT, period

ORACLE: Dialect = oracle.dialect()  # type: ignore[no-untyped-call]
POSTGRES: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
SALES = SqlTable(TableName("apps", "sales"), LAYOUT)
COLUMNS = "id, product_id, target_month, target_year, target_amount"


def sql(statement: ClauseElement, dialect: Dialect) -> str:
    """The statement on one line, without the table's name before each column."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return " ".join(str(compiled).split()).replace("apps.sales.", "")


BOTH = pytest.mark.parametrize("dialect", [ORACLE, POSTGRES], ids=lambda dialect: dialect.name)


def test_all_rows() -> None:
    assert sql(statements.source_rows(SALES, None), ORACLE) == f"SELECT {COLUMNS} FROM apps.sales"


def test_rows_of_some_periods() -> None:
    periods = [period(2024, 1), period(2024, 2), period(2023, 12)]

    assert sql(statements.source_rows(SALES, periods), ORACLE) == (
        f"SELECT {COLUMNS} FROM apps.sales "
        "WHERE target_year IN (2024) AND target_month IN (1, 2) "
        "OR target_year IN (2023) AND target_month IN (12)"
    )


@BOTH
@pytest.mark.parametrize(
    ("year", "month", "condition"),
    [
        (None, None, "target_year IS NULL AND target_month IS NULL"),
        (2024, None, "target_year IN (2024) AND target_month IS NULL"),
        (None, 1, "target_year IS NULL AND target_month IN (1)"),
    ],
)
def test_null_periods(
    dialect: Dialect, year: int | None, month: int | None, condition: str
) -> None:
    assert sql(statements.in_periods(SALES, [period(year, month)]), dialect) == condition


@BOTH
def test_counts(dialect: Dialect) -> None:
    assert sql(statements.counts(SALES), dialect) == (
        "SELECT target_year, target_month, count(*) AS count_1 FROM apps.sales "
        "GROUP BY target_year, target_month"
    )


CONTROL_TOTALS = (
    "SELECT target_year, target_month, count(*) AS count_1, count(id) AS count_2, "
    "count(product_id) AS count_3, count(target_month) AS count_4, count(target_year) AS count_5, "
    "count(target_amount) AS count_6, sum(id) AS sum_1, sum(product_id) AS sum_2, "
    "sum(target_month) AS sum_3, sum(target_year) AS sum_4, sum(target_amount) AS sum_5"
)


@BOTH
def test_control_totals(dialect: Dialect) -> None:
    assert sql(control_totals.statement(SALES, None), dialect) == (
        f"{CONTROL_TOTALS} FROM apps.sales GROUP BY target_year, target_month"
    )


def test_the_digest_is_stable() -> None:
    """Another text is another digest_version: every period would be loaded anew on the next run."""
    texts = [
        f"nvl(to_char({column}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,'''), '~')"
        for column in LAYOUT.names
    ]
    joined, reverse = (" || '|' || ".join(order) for order in (texts, texts[::-1]))

    assert sql(digest.statement(SALES), ORACLE) == (
        f"{CONTROL_TOTALS}, sum(ora_hash({joined}, 4294967295, 1)) AS sum_6, "
        f"sum(ora_hash({reverse}, 4294967295, 2)) AS sum_7 "
        "FROM apps.sales GROUP BY target_year, target_month"
    )


@BOTH
def test_names_that_need_quotes_get_them(dialect: Dialect) -> None:
    table = SqlTable(TableName("mb", "order"), LAYOUT)

    assert 'FROM mb."order"' in sql(statements.counts(table), dialect)


NUMBERS = st.none() | st.integers(0, 3).map(Decimal)
PERIODS = st.lists(st.builds(Period, NUMBERS, NUMBERS), max_size=6)


@given(PERIODS, PERIODS)
def test_the_condition_holds_for_just_these_periods(
    rows: list[Period], wanted: list[Period]
) -> None:
    """Tried with a real SQL engine, whose NULLs are everybody's."""
    found = by_sqlite(rows, sql(statements.in_periods(SALES, wanted), sqlite.dialect()))

    assert found == sorted(str(each) for each in rows if each in wanted)


def by_sqlite(rows: Sequence[Period], condition: str) -> list[str]:
    """The periods of the rows for which the condition holds."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (target_year, target_month)")
        values = [[None if n is None else int(n) for n in (each.year, each.month)] for each in rows]
        connection.executemany("INSERT INTO t VALUES (?, ?)", values)
        found = connection.execute(f"SELECT * FROM t WHERE {condition}").fetchall()
    connection.close()
    return sorted(str(period(*row)) for row in found)


def test_repeated_keys() -> None:
    assert sql(statements.repeated_keys(SALES, None), POSTGRES) == (
        "SELECT count(*) - count(DISTINCT id) AS anon_1 FROM apps.sales WHERE id IS NOT NULL"
    )


def test_repeated_keys_of_several_columns() -> None:
    definition = dataclasses.replace(ORDERS.layout.definition, key=("id", "remark"))
    orders = SqlTable(definition.source, dataclasses.replace(ORDERS.layout, definition=definition))

    assert orders_sql(statements.repeated_keys(orders, None), POSTGRES) == (
        'SELECT count(*) - count(DISTINCT (id, remark COLLATE "C")) AS anon_1 FROM apps.orders '
        'WHERE id IS NOT NULL AND (remark COLLATE "C") IS NOT NULL'
    )


@pytest.mark.parametrize(
    ("columns", "named"), [(None, "*"), (("id", "order"), 'id, "ORDER"')], ids=["all", "named"]
)
def test_no_rows_tells_the_columns_and_reads_nothing(
    columns: tuple[str, ...] | None, named: str
) -> None:
    def spell(name: str) -> str:
        return quoted_name("ORDER", quote=True) if name == "order" else name

    statement = statements.no_rows(TableName("apps", "sales"), columns, spell)

    assert sql(statement, ORACLE) == f"SELECT {named} FROM apps.sales WHERE 1 = 0"


JANUARY = (Decimal(2024), Decimal(1))
ROW = (*JANUARY, 3, 3, 3, 3, 3, 2, 6, 30, 3, 6072, Decimal("0.30"))
ROW_TOTALS = ControlTotals.of(
    rows=3,
    non_null=(3, 3, 3, 3, 2),
    sums=(Decimal(6), Decimal(30), Decimal(3), Decimal(6072), Decimal("0.30")),
)


def test_reading_counts() -> None:
    assert statements.read_counts([(*JANUARY, 3), (None, None, 1)], LAYOUT) == {
        period(2024, 1): 3,
        period(None, None): 1,
    }


def test_reading_control_totals() -> None:
    assert control_totals.read([ROW], LAYOUT) == {period(2024, 1): ROW_TOTALS}


def test_reading_the_sum_of_nothing_but_null() -> None:
    row = (None, None, 1, 1, 1, 0, 0, 0, 6, 30, None, None, None)
    [totals] = control_totals.read([row], LAYOUT).values()

    assert totals.sums[-1] is None
    assert totals.non_null[-1] == 0


def test_reading_digests() -> None:
    assert digest.read([(*ROW, Decimal(12), Decimal(34))], LAYOUT) == {
        period(2024, 1): PeriodDigest(ROW_TOTALS, "12:34")
    }


ORDERS = SqlTable(
    TableName("apps", "orders"),
    TableLayout(
        TableDefinition(
            TableName("apps", "orders"), TableName("mb", "orders"), period=MonthOfDate("sold_on")
        ),
        (
            Column("id", NUMBER),
            Column("remark", ColumnType(Kind.TEXT, "VARCHAR2(20)")),
            Column("sold_on", ColumnType(Kind.DATETIME, "DATE")),
            Column("changed_at", ColumnType(Kind.DATETIME, "TIMESTAMP(3)", fraction_digits=3)),
        ),
    ),
)
CALENDAR = "'NLS_CALENDAR=GREGORIAN'"


def orders_sql(statement: ClauseElement, dialect: Dialect) -> str:
    return sql(statement, dialect).replace("apps.orders.", "")


def test_dates_travel_as_the_text_of_their_civil_fields() -> None:
    assert orders_sql(statements.source_rows(ORDERS, None), ORACLE).startswith(
        f"SELECT id, remark, TO_CHAR(sold_on, 'YYYY-MM-DD HH24:MI:SS', {CALENDAR})"
        " || CASE WHEN EXTRACT(YEAR FROM sold_on) < 0 THEN ' BC' END AS anon_1, "
        f"TO_CHAR(changed_at, 'YYYY-MM-DD HH24:MI:SS.FF3', {CALENDAR})"
    )


@pytest.mark.parametrize(
    ("dialect", "part", "month"),
    [
        (ORACLE, "EXTRACT({} FROM {})", "TRUNC(sold_on, 'MM')"),
        (POSTGRES, "CAST(EXTRACT({} FROM {}) AS NUMERIC)", "date_trunc('month', sold_on)"),
    ],
    ids=["oracle", "postgresql"],
)
def test_the_months_of_a_date_are_periods(dialect: Dialect, part: str, month: str) -> None:
    counts = orders_sql(statements.counts(ORDERS), dialect)
    condition = orders_sql(statements.in_periods(ORDERS, [period(2024, 2)]), dialect)

    assert counts.startswith(f"SELECT {part.format('YEAR', month)} AS ")
    assert counts.endswith(f"GROUP BY {month}")
    assert condition == (
        f"{part.format('YEAR', 'sold_on')} IN (2024) AND {part.format('MONTH', 'sold_on')} IN (2)"
    )


def test_a_text_enters_the_digest_by_a_hash_of_its_own_and_rotated_in_the_second_sum() -> None:
    found = orders_sql(digest.statement(ORDERS), ORACLE)

    assert "CASE WHEN (remark IS NULL) THEN '~' ELSE to_char(ora_hash(remark, 4294967295, 1))" in (
        found
    )
    assert "to_char(ora_hash(substr(remark, 2) || substr(remark, 1, 1), 4294967295, 2))" in found


def test_a_wide_table_is_hashed_in_groups_that_oracle_can_concatenate() -> None:
    definition = TableDefinition(TableName("apps", "wide"), TableName("mb", "wide"))
    columns = tuple(Column(f"c{number}", NUMBER) for number in range(1, 122))
    found = sql(
        digest.statement(SqlTable(definition.source, TableLayout(definition, columns))), ORACLE
    )

    first, _, second = found.rpartition("sum(ora_hash(")
    assert first.count("to_char(ora_hash(") == second.count("to_char(ora_hash(") == 3
    assert max(each.count(" || '|' || nvl(") for each in found.split("ora_hash(")) == 59


def test_a_table_without_periods_is_one() -> None:
    definition = TableDefinition(TableName("apps", "codes"), TableName("mb", "codes"))
    codes = SqlTable(definition.source, TableLayout(definition, (Column("code", NUMBER),)))

    assert sql(statements.counts(codes), POSTGRES) == (
        "SELECT NULL AS anon_1, NULL AS anon__1, count(*) AS count_1 FROM apps.codes"
    )
    assert statements.read_counts([(None, None, 4)], codes.layout) == {WHOLE_TABLE: 4}
    assert statements.read_counts([(None, None, 0)], codes.layout) == {}
    assert str(WHOLE_TABLE) == "all"
    assert period(None, None) != WHOLE_TABLE
