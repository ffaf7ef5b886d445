"""What a source may hold: every odd thing arrives as it is, or is refused as a whole."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from support.faults.harness import FaultHarness
from support.source_database import InsertedRow

EXTREMES = [
    Decimal("9." + "9" * 37 + "E+125"),
    Decimal("-9." + "9" * 37 + "E+125"),
    Decimal("1E-130"),
    Decimal("-1E-130"),
    Decimal("0." + "1" * 38),
    Decimal(2**53 + 1),
    Decimal(0),
    None,
]


@pytest.fixture(autouse=True)
def filled(harness: FaultHarness) -> Iterator[None]:
    """The usual rows again, for whoever comes after."""
    yield
    harness.fill()


def replace_all(harness: FaultHarness, rows: list[InsertedRow]) -> None:
    harness.source.execute("DELETE FROM {table}")
    harness.source.insert(rows)


@pytest.mark.parametrize(
    "rows",
    [
        [(1, 1, 1, 2024, 1)],
        [(1, None, None, None, None)],
        [(n, n, 6, 2024, n) for n in range(5000)],
        [(None, n, 6, 2024, n) for n in range(50)] + [(7, 7, 6, 2024, 7)] * 50,
        [(n, 1, month, 2024, 1) for n, month in enumerate([-1, 0, 13, Decimal("6.5"), None])],
        [(n, n, 1, 2024, value) for n, value in enumerate(EXTREMES)],
        [(value, 1, 1, 2024, 1) for value in EXTREMES],
        [(n, 1, value, value, 1) for n, value in enumerate(EXTREMES)],
        [(n, 1, 1 + n % 12, n // 12, 1) for n in range(1000)],
    ],
    ids=[
        "one row", "one row of NULL", "one period with everything", "no id or the same",
        "months that are none", "extreme amounts", "extreme ids", "extreme periods",
        "a thousand periods",
    ],
)  # fmt: skip
def test_odd_rows_arrive_as_they_are(harness: FaultHarness, rows: list[InsertedRow]) -> None:
    replace_all(harness, rows)
    case = harness.case()

    result = harness.run("run", "--allow-shrink")

    assert case.ended(result, exit_codes={0})


def test_an_empty_source_is_refused_and_loaded_only_on_request(harness: FaultHarness) -> None:
    replace_all(harness, [])
    case = harness.case()

    result = harness.run("run", ETL_RETRY_BUDGET_SECONDS="60")

    case.ended(
        result, exit_codes={65}, reason="guard_refused", says="The source is empty",
        next_run=("run", "--allow-shrink"),
    )  # fmt: skip


def test_other_columns_may_hold_anything(harness: FaultHarness) -> None:
    harness.source.execute("ALTER TABLE {table} ADD note text DEFAULT repeat('''\t\\n;€', 700)")
    harness.edit()
    case = harness.case()
    try:
        assert case.ended(harness.run("run", "--full"), exit_codes={0})
    finally:
        harness.source.execute("ALTER TABLE {table} DROP note")


@pytest.mark.parametrize(
    ("value", "code"), [("'1; DROP TABLE mb.sales_target'", None), ("E'1\\t2'", None)]
)
def test_text_in_a_numbers_place_is_refused(
    harness: FaultHarness, value: str, code: str | None
) -> None:
    """The column is VARCHAR2, and what it holds would be more than one field of a COPY."""
    harness.source.execute("ALTER TABLE {table} ALTER target_amount TYPE text")
    harness.source.execute(f"UPDATE {{table}} SET target_amount = {value} WHERE id = 5")
    before = harness.target.rows()
    try:
        result = harness.run("run", "--full")
    finally:
        harness.source.execute("DELETE FROM {table} WHERE id = 5")
        harness.source.execute(
            "ALTER TABLE {table} ALTER target_amount TYPE numeric USING target_amount::numeric"
        )

    assert result.exit_code == 69, result.stderr
    assert "target_amount" in result.failure["error"]
    assert harness.target.rows() == before
