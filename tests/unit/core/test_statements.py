"""The statements: their text in both dialects, what they select, and how their answers are read."""

import sqlite3
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ClauseElement
from sqlalchemy.dialects import oracle, postgresql, sqlite
from sqlalchemy.engine import Dialect

from etl_sales_target.core import columns, control_totals, digest, statements
from etl_sales_target.core.control_totals import ControlTotals
from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.names import TableName
from etl_sales_target.core.periods import Period
from support.builders import period

ORACLE: Dialect = oracle.dialect()  # type: ignore[no-untyped-call]
POSTGRES: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
SALES = statements.describe(TableName("apps", "sales"))
COLUMNS = "id, product_id, target_month, target_year, target_amount"


def sql(statement: ClauseElement, dialect: Dialect) -> str:
    """The statement on one line, without the table's name before each column."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return " ".join(str(compiled).split()).replace("apps.sales.", "")


BOTH = pytest.mark.parametrize("dialect", [ORACLE, POSTGRES], ids=lambda dialect: dialect.name)


@BOTH
def test_all_rows(dialect: Dialect) -> None:
    assert sql(statements.rows(SALES, None), dialect) == f"SELECT {COLUMNS} FROM apps.sales"


@BOTH
def test_rows_of_some_periods(dialect: Dialect) -> None:
    periods = [period(2024, 1), period(2024, 2), period(2023, 12)]

    assert sql(statements.rows(SALES, periods), dialect) == (
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
        for column in columns.COLUMNS
    ]
    joined = " || '|' || ".join(texts)

    assert sql(digest.statement(SALES), ORACLE) == (
        f"{CONTROL_TOTALS}, sum(ora_hash({joined}, 4294967295, 1)) AS sum_6, "
        f"sum(ora_hash({joined}, 4294967295, 2)) AS sum_7 "
        "FROM apps.sales GROUP BY target_year, target_month"
    )


@BOTH
def test_names_that_need_quotes_get_them(dialect: Dialect) -> None:
    table = statements.describe(TableName("mb", "order"))

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


@BOTH
def test_repeated_ids(dialect: Dialect) -> None:
    assert sql(statements.repeated_ids(SALES), dialect) == (
        "SELECT count(id) - count(DISTINCT id) AS anon_1 FROM apps.sales"
    )


@BOTH
def test_no_rows_names_every_column_and_reads_nothing(dialect: Dialect) -> None:
    assert sql(statements.no_rows(SALES), dialect) == (
        f"SELECT {COLUMNS} FROM apps.sales WHERE id IS NULL AND id IS NOT NULL"
    )


JANUARY = (Decimal(2024), Decimal(1))
ROW = (*JANUARY, 3, 3, 3, 3, 3, 2, 6, 30, 3, 6072, Decimal("0.30"))
ROW_TOTALS = ControlTotals(
    rows=3,
    non_null={
        "id": 3, "product_id": 3, "target_month": 3, "target_year": 3, "target_amount": 2,
    },
    sums={
        "id": Decimal(6),
        "product_id": Decimal(30),
        "target_month": Decimal(3),
        "target_year": Decimal(6072),
        "target_amount": Decimal("0.3"),
    },
)  # fmt: skip


def test_reading_counts() -> None:
    assert statements.read_counts([(*JANUARY, 3), (None, None, 1)]) == {
        period(2024, 1): 3,
        period(None, None): 1,
    }


def test_reading_control_totals() -> None:
    assert control_totals.read([ROW]) == {period(2024, 1): ROW_TOTALS}


def test_reading_the_sum_of_nothing_but_null() -> None:
    row = (None, None, 1, 1, 1, 0, 0, 0, 6, 30, None, None, None)
    [totals] = control_totals.read([row]).values()

    assert totals.sums["target_amount"] is None
    assert totals.non_null["target_amount"] == 0


def test_reading_digests() -> None:
    assert digest.read([(*ROW, Decimal(12), Decimal(34))]) == {
        period(2024, 1): PeriodDigest(ROW_TOTALS, "12:34")
    }
