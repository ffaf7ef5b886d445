"""The plan: which periods are read, and why."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.periods import MonthRange, Period
from etl_sales_target.core.plan import (
    LoadedPeriod,
    LoadRequest,
    Mode,
    PeriodStatus,
    Plan,
    make_plan,
)
from support.builders import DIGEST_VERSION, content, loaded_period, period

Value = TypeVar("Value")
Sides = tuple[dict[Period, PeriodDigest], dict[Period, int], dict[Period, LoadedPeriod]]

JANUARY = period(2024, 1)
RUN = LoadRequest(Mode.RUN)
FULL = LoadRequest(Mode.FULL)


def plan_of(
    source: PeriodDigest | None,
    target_rows: int | None,
    loaded: LoadedPeriod | None,
    request: LoadRequest = RUN,
) -> Plan:
    """The plan for one period; None: it is not there."""
    return make_plan(
        request,
        in_january(source),
        in_january(target_rows),
        in_january(loaded),
        DIGEST_VERSION,
    )


def in_january(value: Value | None) -> dict[Period, Value]:
    return {} if value is None else {JANUARY: value}


STATES = {
    "never loaded": (content(3), None, None, PeriodStatus.NEW),
    "there, but loaded by nobody we know": (content(3), 3, None, PeriodStatus.NEW),
    "loaded by another digest_version": (
        content(3),
        3,
        loaded_period(3, digest_version="old"),
        PeriodStatus.NEW,
    ),
    "another digest": (content(3, "9:9"), 3, loaded_period(3), PeriodStatus.CHANGED),
    "another number of rows": (content(4), 3, loaded_period(3), PeriodStatus.CHANGED),
    "gone from the source": (None, 3, loaded_period(3), PeriodStatus.REMOVED),
    "never in the source": (None, 3, None, PeriodStatus.REMOVED),
    "gone from both": (None, None, loaded_period(3), PeriodStatus.REMOVED),
    "rows added in the target": (content(3), 4, loaded_period(3), PeriodStatus.DRIFTED),
    "all rows deleted in the target": (content(3), None, loaded_period(3), PeriodStatus.DRIFTED),
    "equal": (content(3), 3, loaded_period(3), PeriodStatus.UNCHANGED),
}


@pytest.mark.parametrize("case", STATES)
def test_the_state_of_a_period(case: str) -> None:
    source, target_rows, loaded, state = STATES[case]
    [entry] = plan_of(source, target_rows, loaded).entries

    assert entry.status is state
    assert entry.rows_target == (target_rows or 0)
    assert entry.rows_source == (source.totals.rows if source else 0)


@pytest.mark.parametrize("case", STATES)
def test_a_forced_request_reloads_what_is_equal_as_well(case: str) -> None:
    source, target_rows, loaded, state = STATES[case]
    [entry] = plan_of(source, target_rows, loaded, FULL).touched

    assert entry.status is (PeriodStatus.FORCED if state is PeriodStatus.UNCHANGED else state)


def test_nothing_to_do() -> None:
    plan = plan_of(content(3), 3, loaded_period(3))

    assert plan.touched == []
    assert plan.periods == []
    assert plan.rows_to_read == 0
    assert plan.changed_digests() == {}
    assert plan.rows_after == 3


def test_nothing_anywhere() -> None:
    assert make_plan(FULL, {}, {}, {}, DIGEST_VERSION).periods == []


def test_a_backfill_sees_its_months_alone() -> None:
    source = {period(2024, month): content(10) for month in (1, 2, 3, None, 13)}
    plan = make_plan(
        LoadRequest(Mode.BACKFILL, months=MonthRange((2024, 2), (2024, 3))),
        source,
        {},
        {},
        DIGEST_VERSION,
    )

    assert plan.periods == [period(2024, 2), period(2024, 3)]
    assert plan.rows_to_read == 20
    assert plan.rows_source == 50


def test_the_plan_in_numbers() -> None:
    source = {period(2024, 1): content(10), period(2024, 2): content(20, "9:9")}
    target_rows = {period(2024, 1): 10, period(2024, 2): 15, period(2023, 12): 7}
    loaded_periods = {period(2024, 1): loaded_period(10), period(2024, 2): loaded_period(15)}
    plan = make_plan(RUN, source, target_rows, loaded_periods, DIGEST_VERSION)

    assert plan.periods == [period(2023, 12), period(2024, 2)]
    assert plan.rows_source == 30
    assert plan.removed == [period(2023, 12)]
    assert plan.rows_to_read == 20
    assert plan.rows_after == 30
    assert {state: n for state, n in plan.statuses.items() if n} == {
        "changed": 1, "removed": 1, "unchanged": 1,
    }  # fmt: skip
    assert plan.changed_digests() == {period(2024, 2): source[period(2024, 2)]}
    assert plan.expected() == {
        period(2023, 12): None,
        period(2024, 2): source[period(2024, 2)].totals,
    }
    assert plan.rows_loaded == 25


def test_periods_are_none_where_they_are_all() -> None:
    source = {period(2024, 1): content(1), period(None, None): content(2)}

    assert make_plan(FULL, source, {}, {}, DIGEST_VERSION).periods is None
    assert make_plan(FULL, source, {period(2023, 1): 5}, {}, DIGEST_VERSION).periods is None


PERIODS = st.builds(Period, *[st.none() | st.integers(min_value=9, max_value=11).map(Decimal)] * 2)
DIGESTS = st.sampled_from("ab")
SIDES = st.tuples(
    st.dictionaries(PERIODS, st.builds(content, st.integers(1, 3), DIGESTS)),
    st.dictionaries(PERIODS, st.integers(1, 3)),
    st.dictionaries(
        PERIODS,
        st.builds(
            loaded_period,
            st.integers(1, 3),
            st.sampled_from("ab"),
            st.sampled_from([DIGEST_VERSION, "old"]),
        ),
    ),
)


@given(SIDES, st.booleans())
def test_any_plan_makes_the_target_equal_to_the_source(sides: Sides, force: bool) -> None:
    source, target_rows, loaded_periods = sides
    plan = make_plan(
        LoadRequest(Mode.FULL if force else Mode.RUN),
        source,
        target_rows,
        loaded_periods,
        DIGEST_VERSION,
    )

    after = dict(target_rows)
    for entry in plan.touched:
        assert after.pop(entry.period, 0) == entry.rows_target
        if entry.rows_source:
            after[entry.period] = entry.rows_source
    assert after == {each: found.totals.rows for each, found in source.items()}
    assert plan.rows_after == sum(after.values()) == plan.rows_source


@given(SIDES)
def test_what_is_left_alone_has_a_receipt_for_just_what_is_there(sides: Sides) -> None:
    source, target_rows, loaded_periods = sides
    plan = make_plan(RUN, source, target_rows, loaded_periods, DIGEST_VERSION)

    for entry in plan.entries:
        if entry.status is PeriodStatus.UNCHANGED:
            found, left = source[entry.period], loaded_periods[entry.period]
            assert (left.digest, left.digest_version) == (found.digest, DIGEST_VERSION)
            assert left.rows == found.totals.rows == target_rows[entry.period]


@given(sides=SIDES, force=st.booleans())
def test_the_source_is_asked_for_no_period_that_it_does_not_have(sides: Sides, force: bool) -> None:
    plan = make_plan(FULL if force else RUN, *sides, DIGEST_VERSION)

    reads = plan.reads
    for periods in (reads.appended, reads.staged, reads.compared):
        assert set(periods or ()) <= plan.source.keys()


@given(sides=SIDES, force=st.booleans(), most=st.integers(0, 6))
def test_what_is_read_goes_where_it_belongs(sides: Sides, force: bool, most: int) -> None:
    """Every touched period of the source is read once, and none is appended that has rows."""
    plan = make_plan(FULL if force else RUN, *sides, DIGEST_VERSION)
    with mock.patch("etl_sales_target.core.plan.MOST_PERIODS_A_QUERY", most):
        reads = plan.reads
    source, target = plan.source.keys(), plan.target_rows
    appended = source if reads.appended is None else set(reads.appended)
    staged = source if reads.staged is None else set(reads.staged)
    compared = source if reads.compared is None else set(reads.compared)
    touched = {each.period for each in plan.touched if each.rows_source}

    assert appended | compared == touched
    assert not appended & staged
    assert not appended & {period for period in target if target[period]}
    assert compared <= staged
    if reads.compared is None:
        assert target.keys() <= source
    queries = [each for each in (reads.appended, reads.staged) if each is not None]
    assert sum(map(len, queries)) <= most or len(appended | staged) == len(source) == len(touched)
    assert plan.rows_to_read == sum(source_rows(plan, appended)) + sum(source_rows(plan, staged))


@given(sides=SIDES, least=st.integers(1, 9))
def test_slices_are_few_and_hold_every_compared_period_once(sides: Sides, least: int) -> None:
    plan = make_plan(FULL, *sides, DIGEST_VERSION)
    compared = plan.reads.compared
    with mock.patch("etl_sales_target.core.plan._ROWS_A_SLICE", least):
        slices = list(plan.slices())

    assert len(slices) <= 2
    everything = list(plan.source if compared is None else compared)
    parts = [everything if each.periods is None else each.periods for each in slices]
    assert [period for part in parts for period in part] == everything
    assert all(each.rows_source >= least for each in slices[:-1])
    for each in slices:
        assert each.rows_source == plan.rows_in_source(each.periods)
        assert each.rows_target == plan.rows_in_target(each.periods)


def source_rows(plan: Plan, periods: Iterable[Period]) -> Iterable[int]:
    return (plan.source[period].totals.rows for period in periods)


def test_only_what_is_not_on_record_is_a_change_of_the_source() -> None:
    source = {period(2024, month): content(10) for month in (1, 2, 3, 4)}
    loaded = {period(2024, month): loaded_period(10) for month in (1, 2, 5)}
    loaded[period(2024, 3)] = loaded_period(10, "another")
    target_rows = {period(2024, 1): 10, period(2024, 2): 9, period(2024, 5): 10}
    target_rows |= {period(2024, 3): 10, period(2024, 6): 1}
    plan = make_plan(FULL, source, target_rows, loaded, DIGEST_VERSION)

    statuses = [(str(each.period), str(each.status), each.source_changed) for each in plan.touched]
    assert statuses == [
        ("2024-01", "forced", False),
        ("2024-02", "drifted", False),
        ("2024-03", "changed", True),
        ("2024-04", "new", True),
        ("2024-05", "removed", True),
        ("2024-06", "removed", False),
    ]
    assert plan.changed() == [period(2024, month) for month in (3, 4, 5)]


@given(SIDES)
def test_entries_stand_in_time(sides: Sides) -> None:
    plan = make_plan(RUN, *sides, DIGEST_VERSION)

    keys = [entry.period.sort_key for entry in plan.entries]
    assert plan.periods in (None, [entry.period for entry in plan.touched])
    assert keys == sorted(set(keys))
    assert sum(plan.statuses.values()) == len(plan.entries)
