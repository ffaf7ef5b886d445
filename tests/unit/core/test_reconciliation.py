"""The reconciliation: it sees every difference, and no difference that is none."""

import dataclasses
from decimal import MAX_PREC, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_sales_target.core.columns import COLUMNS
from etl_sales_target.core.control_totals import ControlTotals
from etl_sales_target.core.reconciliation import ReconciliationError, compare, reconcile
from support.builders import control_totals, period

JANUARY = period(2024, 1)
FEBRUARY = period(2024, 2)


def differences(source: ControlTotals | None, target: ControlTotals | None) -> list[str]:
    """The mismatches of one period, as people read them; None: no rows on that side."""
    found = compare({JANUARY: source}, {JANUARY: target} if target else {})
    return [str(mismatch) for mismatch in found]


def sums(source: str | None, target: str | None, *, rows: int = 1) -> list[str]:
    """The same for these sums of target_amount."""
    return differences(
        control_totals(rows, target_amount=source), control_totals(rows, target_amount=target)
    )


def test_equal_control_totals() -> None:
    assert (
        differences(control_totals(3, target_amount="1.50"), control_totals(3, target_amount="1.5"))
        == []
    )
    assert differences(None, None) == []


def test_another_number_of_rows() -> None:
    assert differences(control_totals(3), control_totals(2)) == [
        "2024-01 rows: expected 3, found 2"
    ]


def test_rows_that_did_not_arrive_at_all() -> None:
    assert differences(control_totals(3), None) == ["2024-01 rows: expected 3, found 0"]


def test_rows_that_should_be_gone() -> None:
    assert differences(None, control_totals(3)) == ["2024-01 rows: expected 0, found 3"]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_null_that_became_a_value(column: str) -> None:
    assert differences(control_totals(3, nulls={column: 1}), control_totals(3)) == [
        f"2024-01 non-null {column}: expected 2, found 3"
    ]


@pytest.mark.parametrize("column", COLUMNS)
def test_another_sum(column: str) -> None:
    expected: dict[str, Any] = {column: "1.5"}
    found: dict[str, Any] = {column: "1.6"}
    assert differences(control_totals(3, **expected), control_totals(3, **found)) == [
        f"2024-01 sum of {column}: expected 1.5, found 1.6"
    ]


@pytest.mark.parametrize(("source", "target"), [(None, "0"), ("0", None)])
def test_no_sum_is_not_the_sum_zero(source: str | None, target: str | None) -> None:
    assert len(sums(source, target)) == 1


def test_other_periods_of_the_target_are_not_its_business() -> None:
    assert [
        *compare(
            {JANUARY: control_totals(1)}, {JANUARY: control_totals(1), FEBRUARY: control_totals(9)}
        )
    ] == []


def test_a_sum_within_38_digits_must_be_exact() -> None:
    digits = "1234567890123456789012345678901234567"

    assert sums(digits + "8", digits + "8") == []
    assert len(sums(digits + "8", digits + "9", rows=1_000_000)) == 1


def test_trailing_zeros_are_no_digits() -> None:
    assert len(sums("1" + "0" * 37 + "1" + "0" * 22, "1" + "0" * 60)) == 1


def test_beyond_38_digits_oracle_may_round_once_a_row() -> None:
    exact = "1234567890123456789012345678901234567.89"

    assert sums("1234567890123456789012345678901234567.9", exact) == []
    assert sums("1234567890123456789012345678901234567.99", exact) == []
    assert len(sums("1234567890123456789012345678901234567.99" + "0" * 40 + "1", exact)) == 1
    assert len(sums("1234567890123456789012345678901234568.5", exact)) == 1
    assert sums("1234567890123456789012345678901234568.5", exact, rows=10) == []
    assert len(sums("1234567890123456789012345678901234600", exact, rows=10)) == 1


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**20))


@given(st.lists(NUMBERS, min_size=1, max_size=20), st.integers(0, 19), NUMBERS)
def test_any_changed_amount_is_seen(amounts: list[Decimal], index: int, change: Decimal) -> None:
    with localcontext(prec=MAX_PREC):
        before = sum(amounts, Decimal(0))
        amounts[index % len(amounts)] += change
        after = sum(amounts, Decimal(0))
    rows = len(amounts)
    found = differences(
        control_totals(rows, target_amount=before), control_totals(rows, target_amount=after)
    )

    assert bool(found) == (change != 0)


def test_a_reconciliation_that_holds() -> None:
    reconcile(
        {JANUARY: control_totals(3)}, {JANUARY: control_totals(3)}, rows={"rows copied": (3, 3)}
    )


def test_a_failed_reconciliation_names_what_differs() -> None:
    expected = {JANUARY: control_totals(3, id="6"), FEBRUARY: control_totals(2)}
    actual = {JANUARY: control_totals(3, id="7"), FEBRUARY: control_totals(1)}
    with pytest.raises(ReconciliationError) as e:
        reconcile(expected, actual, rows={"rows copied": (5, 4), "rows deleted": (1, 1)})

    assert e.value.exit_code == 65
    assert e.value.message == (
        "The reconciliation failed: 2024-01 sum of id: expected 6, found 7; "
        "2024-02 rows: expected 2, found 1; rows copied: expected 5, found 4."
    )
    assert "Nothing was committed" in str(e.value.remedy)


def test_a_count_alone_fails_the_reconciliation() -> None:
    with pytest.raises(ReconciliationError, match="rows of the target: expected 5, found 6"):
        reconcile({}, {}, rows={"rows of the target": (5, 6)})


def test_a_reconciliation_that_fails_everywhere_stays_readable() -> None:
    expected = {period(year, 1): control_totals(1) for year in range(2000, 2030)}
    with pytest.raises(ReconciliationError) as e:
        reconcile(expected, {}, rows={})

    assert len(e.value.message) < 500


def test_a_mismatch_cannot_be_changed() -> None:
    [mismatch] = compare({JANUARY: control_totals(1)}, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        mismatch.actual = 1  # type: ignore[misc]
