"""Periods, ranges of months and table names: their text, their order, and what lies in them."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_sales_target.core.names import TableName
from etl_sales_target.core.periods import MonthRange, Period

NUMBERS = (
    st.none()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.integers(-(10**37), 10**37).map(Decimal)
)
PERIODS = st.builds(Period, NUMBERS, NUMBERS)


def period(year: str | None, month: str | None) -> Period:
    return Period(*(None if text is None else Decimal(text) for text in (year, month)))


@pytest.mark.parametrize(
    ("year", "month", "text"),
    [
        ("2024", "1", "2024-01"),
        ("2024", "12", "2024-12"),
        ("2024.0", "1.50", "2024-1.5"),
        ("2E+3", "10", "2000-10"),
        (None, None, "NULL-NULL"),
        ("2024", None, "2024-NULL"),
        (
            "12345678901234567890123456789012345678",
            "1",
            "12345678901234567890123456789012345678-01",
        ),
    ],
)
def test_a_period_as_text(year: str | None, month: str | None, text: str) -> None:
    assert str(period(year, month)) == text


@given(PERIODS, PERIODS)
def test_a_periods_text_is_its_key(one: Period, other: Period) -> None:
    assert (str(one) == str(other)) == (one == other)


@given(st.lists(PERIODS))
def test_periods_sort_in_time_with_null_last(periods: list[Period]) -> None:
    ordered = sorted(periods, key=lambda each: each.sort_key)

    years = [each.year for each in ordered]
    known = [year for year in years if year is not None]
    assert years == sorted(known) + [None] * (len(years) - len(known))
    for before, after in pairwise(ordered):
        if before.year == after.year:
            assert after.month is None or (before.month is not None and before.month <= after.month)


@pytest.mark.parametrize(
    ("year", "month", "is_one"),
    [
        ("2024", "1", True),
        ("2024", "12.0", True),
        ("2024", "0", False),
        ("2024", "13", False),
        ("2024", "1.5", False),
        ("2024", None, False),
        (None, "1", False),
    ],
)
def test_what_is_a_calendar_month(year: str | None, month: str | None, is_one: bool) -> None:
    assert period(year, month).is_calendar_month is is_one


@pytest.mark.parametrize(
    ("year", "month", "inside"),
    [
        ("2023", "10", False),
        ("2023", "11", True),
        ("2023", "12", True),
        ("2024", "1", True),
        ("2024", "2", True),
        ("2024", "3", False),
        ("2023", "13", False),
        ("2024", None, False),
        (None, None, False),
    ],
)
def test_months_include_both_ends(year: str | None, month: str | None, inside: bool) -> None:
    assert (period(year, month) in MonthRange((2023, 11), (2024, 2))) is inside


def test_a_table_name_as_text() -> None:
    assert str(TableName("mb", "sales_target")) == "mb.sales_target"


@pytest.mark.parametrize("year", ["NaN", "Infinity", "-Infinity", "1E+200", "2024.0", None])
def test_equal_periods_are_one_key_whatever_they_hold(year: str | None) -> None:
    """NaN too, which as a number is not equal to itself."""
    one, other = period(year, "NaN"), period(year, "NaN")

    assert one == other
    assert {one: "found"}[other] == "found"
    assert one != period(year, "1")


@pytest.mark.parametrize("year", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("month", ["1", "NaN"])
def test_what_is_no_number_lies_in_no_range_of_months(year: str, month: str) -> None:
    assert not period(year, month).is_calendar_month
    assert period(year, month) not in MonthRange((1, 1), (9999, 12))
