"""The reconciliation: it sees every difference, and no difference that is none."""

import dataclasses
from collections.abc import Iterable, Sequence
from decimal import MAX_PREC, ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_sales_target.core.columns import Column, ColumnType, Kind
from etl_sales_target.core.control_totals import ControlTotals, Magnitudes
from etl_sales_target.core.copy_format import Batch
from etl_sales_target.core.periods import Period
from etl_sales_target.core.reconciliation import (
    ReconciliationError,
    RowDifference,
    Verification,
    at_most,
    compare,
    reconcile,
)
from support.builders import COLUMNS, LAYOUT, control_totals, period

JANUARY = period(2024, 1)
FEBRUARY = period(2024, 2)


def differences(
    source: ControlTotals | None, target: ControlTotals | None, *, magnitude: Decimal | None = None
) -> list[str]:
    """The mismatches of one period, as people read them; None: no rows on that side.

    Without a magnitude nothing cancels: the absolute values have the sum of the values.
    """

    def magnitudes(periods: Sequence[Period]) -> Magnitudes:
        assert target
        sizes = [abs(magnitude or total or Decimal(0)) for total in target.sums]
        return dict.fromkeys(periods, sizes)

    found = compare(
        {JANUARY: source},
        {JANUARY: target} if target else {},
        columns=LAYOUT.columns,
        magnitudes=magnitudes,
    )
    return [str(mismatch) for mismatch in found]


def no_magnitudes(_periods: Sequence[Period]) -> Magnitudes:
    raise AssertionError("Nothing is doubtful where no sum differs.")


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
    expected = {JANUARY: control_totals(1)}
    actual = {JANUARY: control_totals(1), FEBRUARY: control_totals(9)}

    assert compare(expected, actual, columns=LAYOUT.columns, magnitudes=no_magnitudes) == []


def test_a_sum_within_38_digits_must_be_exact() -> None:
    digits = "1234567890123456789012345678901234567"

    assert sums(digits + "8", digits + "8") == []
    assert len(sums(digits + "8", digits + "9", rows=1_000_000)) == 1


def test_a_single_row_is_added_to_nothing() -> None:
    exact = "1234567890123456789012345678901234567.89"

    assert len(sums("1234567890123456789012345678901234567.9", exact)) == 1


def test_beyond_38_digits_oracle_may_round_once_an_addition() -> None:
    exact = "1234567890123456789012345678901234567.89"

    assert sums("1234567890123456789012345678901234567.9", exact, rows=2) == []
    assert sums("1234567890123456789012345678901234567.99", exact, rows=2) == []
    assert (
        len(sums("1234567890123456789012345678901234567.99" + "0" * 40 + "1", exact, rows=2)) == 1
    )
    assert len(sums("1234567890123456789012345678901234568.5", exact, rows=2)) == 1
    assert sums("1234567890123456789012345678901234568.5", exact, rows=11) == []
    assert len(sums("1234567890123456789012345678901234600", exact, rows=11)) == 1


def rounded_by_oracle(number: Decimal) -> Decimal:
    """As Oracle keeps a NUMBER: 20 digits of base 100, which are 39 or 40 decimal ones."""
    if not number:
        return number
    exponent = number.adjusted() // 2 * 2  # of the first base-100 digit
    with localcontext(prec=MAX_PREC):
        return number.quantize(Decimal(1).scaleb(exponent - 38), rounding=ROUND_HALF_UP)


def added_by_oracle(numbers: Iterable[Decimal]) -> Decimal:
    """The sum with Oracle's rounding after each addition."""
    total = Decimal(0)
    for number in numbers:
        with localcontext(prec=MAX_PREC):
            total = rounded_by_oracle(total + number)
    return total


def differences_of_sums(numbers: Sequence[Decimal], source: Decimal) -> list[str]:
    """What reconciliation says of these rows where Oracle's sum of them is `source`."""
    with localcontext(prec=MAX_PREC):
        exact = sum(numbers, Decimal(0))
        magnitude = sum(map(abs, numbers), Decimal(0))
    rows = len(numbers)
    return differences(
        control_totals(rows, target_amount=source),
        control_totals(rows, target_amount=exact),
        magnitude=magnitude,
    )


def quotient(numerator: int, denominator: int) -> Decimal:
    with localcontext(prec=60):
        return rounded_by_oracle(Decimal(numerator) / denominator)


def test_what_cancels_was_there_on_the_way() -> None:
    numbers = [quotient(1_000_000, 7), quotient(5, 3), Decimal(-142_850)]

    assert added_by_oracle(numbers) != sum(numbers, Decimal(0)), "Oracle rounds nothing here"
    assert differences_of_sums(numbers, added_by_oracle(numbers)) == []
    assert len(differences_of_sums(numbers, added_by_oracle(numbers) + Decimal("1e-29"))) == 1


QUOTIENTS = st.builds(quotient, st.integers(-(10**12), 10**12), st.integers(1, 999))


@given(st.lists(QUOTIENTS, min_size=1, max_size=30))
def test_oracles_own_rounding_is_no_difference(numbers: list[Decimal]) -> None:
    assert differences_of_sums(numbers, added_by_oracle(numbers)) == []


@given(st.lists(QUOTIENTS, min_size=1, max_size=30), st.sampled_from(["1e-9", "-1e-9", "0.01"]))
def test_a_change_of_an_amount_is_more_than_rounding(numbers: list[Decimal], change: str) -> None:
    with localcontext(prec=MAX_PREC):
        source = added_by_oracle(numbers) + Decimal(change)

    assert len(differences_of_sums(numbers, source)) == 1


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
    same = {JANUARY: control_totals(3)}
    reconcile(
        same, same, columns=LAYOUT.columns, magnitudes=no_magnitudes, rows={"rows copied": (3, 3)}
    )


def test_a_failed_reconciliation_names_what_differs() -> None:
    expected = {JANUARY: control_totals(3, id="6"), FEBRUARY: control_totals(2)}
    actual = {JANUARY: control_totals(3, id="7"), FEBRUARY: control_totals(1)}
    with pytest.raises(ReconciliationError) as e:
        reconcile(
            expected,
            actual,
            columns=LAYOUT.columns,
            magnitudes=lambda _: {JANUARY: [Decimal(7)]},
            rows={"rows copied": (5, 4), "rows deleted": (1, 1)},
        )

    assert e.value.exit_code == 65
    assert e.value.message == (
        "The reconciliation failed: 2024-01 sum of id: expected 6, found 7; "
        "2024-02 rows: expected 2, found 1; rows copied: expected 5, found 4."
    )
    assert "Nothing was committed" in str(e.value.remedy)


def test_a_count_alone_fails_the_reconciliation() -> None:
    with pytest.raises(ReconciliationError, match="rows of the target: expected 5, found 6"):
        reconcile({}, {}, columns=(), magnitudes=no_magnitudes, rows={"rows of the target": (5, 6)})


def test_a_reconciliation_that_fails_everywhere_stays_readable() -> None:
    expected = {period(year, 1): control_totals(1) for year in range(2000, 2030)}
    with pytest.raises(ReconciliationError) as e:
        reconcile(expected, {}, columns=LAYOUT.columns, magnitudes=no_magnitudes, rows={})

    assert len(e.value.message) < 500


def test_a_mismatch_cannot_be_changed() -> None:
    [mismatch] = compare(
        {JANUARY: control_totals(1)}, {}, columns=LAYOUT.columns, magnitudes=no_magnitudes
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        mismatch.actual = 1  # type: ignore[misc]


def test_a_sum_says_what_it_adds_up() -> None:
    text, date = ColumnType(Kind.TEXT, "VARCHAR2(20)"), ColumnType(Kind.DATETIME, "DATE")
    columns = (Column("name", text), Column("sold_on", date))
    source, target = (
        ControlTotals.of(rows=1, non_null=(1, 1), sums=(Decimal(length), Decimal(day)))
        for length, day in ((3, 20240131000000), (4, 20240201000000))
    )
    found = compare(
        {JANUARY: source},
        {JANUARY: target},
        columns=columns,
        magnitudes=lambda _: {JANUARY: [Decimal(4), Decimal(20240201000000)]},
    )

    assert [str(mismatch) for mismatch in found] == [
        "2024-01 sum of the lengths of name: expected 3, found 4",
        "2024-01 sum of the dates in sold_on: expected 20240131000000, found 20240201000000",
    ]


NONE, SOME = RowDifference(), RowDifference(count=1, rows=[(1,)])


@pytest.mark.parametrize(
    ("only_in_source", "only_in_target", "is_equal"),
    [
        (None, None, True),  # only control totals were compared
        (NONE, NONE, True),
        (SOME, NONE, False),
        (NONE, SOME, False),
    ],
)
def test_a_verification_is_equal_where_no_row_is_on_one_side_alone(
    only_in_source: RowDifference | None, only_in_target: RowDifference | None, is_equal: bool
) -> None:
    found = Verification(COLUMNS, 1, 1, [], only_in_source, only_in_target)
    [mismatch] = compare(
        {JANUARY: control_totals(1)}, {}, columns=LAYOUT.columns, magnitudes=no_magnitudes
    )

    assert found.is_equal == is_equal
    assert not dataclasses.replace(found, mismatches=[mismatch]).is_equal


def test_a_source_may_send_as_many_rows_as_it_counted() -> None:
    batches: list[Batch] = [[("1",), ("2",)], [("3",)]]

    assert list(at_most(3, batches)) == batches


def test_a_row_more_than_the_source_counted_is_not_passed_on() -> None:
    passed = at_most(2, [[("1",), ("2",)], [("3",)]])

    assert next(passed) == [("1",), ("2",)]
    with pytest.raises(ReconciliationError, match="more rows than the 2"):
        next(passed)
