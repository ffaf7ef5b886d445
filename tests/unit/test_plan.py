"""The plan: which periods are reloaded, and why."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_sales_target.core.periods import Content, Months, Period, Receipt
from etl_sales_target.core.plan import Plan, Request, State, make_plan
from unit.builders import RECIPE, content, period, receipt

JANUARY = period(2024, 1)
RUN = Request("run")
FULL = Request("full", force=True)


def plan_of(
    source: Content | None, target_rows: int | None, loaded: Receipt | None, request: Request = RUN
) -> Plan:
    """The plan for one period; None: it is not there."""
    return make_plan(
        request,
        *({} if each is None else {JANUARY: each} for each in (source, target_rows, loaded)),
        RECIPE,
    )


STATES = {
    "never loaded": (content(3), None, None, State.NEW),
    "there, but loaded by nobody we know": (content(3), 3, None, State.NEW),
    "loaded by another recipe": (content(3), 3, receipt(3, recipe="old"), State.NEW),
    "another digest": (content(3, "9:9"), 3, receipt(3), State.CHANGED),
    "another number of rows": (content(4), 3, receipt(3), State.CHANGED),
    "gone from the source": (None, 3, receipt(3), State.VANISHED),
    "never in the source": (None, 3, None, State.VANISHED),
    "gone from both": (None, None, receipt(3), State.VANISHED),
    "rows added in the target": (content(3), 4, receipt(3), State.MEDDLED),
    "all rows deleted in the target": (content(3), None, receipt(3), State.MEDDLED),
    "equal": (content(3), 3, receipt(3), State.UNCHANGED),
}


@pytest.mark.parametrize("case", STATES)
def test_the_state_of_a_period(case: str):
    source, target_rows, loaded, state = STATES[case]
    [entry] = plan_of(source, target_rows, loaded).entries

    assert entry.state is state
    assert entry.rows_to_delete == (target_rows or 0)
    assert entry.rows_to_copy == (source.figures.rows if source else 0)


@pytest.mark.parametrize("case", STATES)
def test_a_forced_request_reloads_what_is_equal_as_well(case: str):
    source, target_rows, loaded, state = STATES[case]
    [entry] = plan_of(source, target_rows, loaded, FULL).reloads

    assert entry.state is (State.REQUESTED if state is State.UNCHANGED else state)


def test_nothing_to_do():
    plan = plan_of(content(3), 3, receipt(3))

    assert plan.reloads == []
    assert plan.periods == []
    assert (plan.rows_to_delete, plan.rows_to_copy) == (0, 0)
    assert plan.contents() == {}
    assert plan.rows_after == 3


def test_nothing_anywhere():
    assert make_plan(FULL, {}, {}, {}, RECIPE).periods == []


def test_a_backfill_sees_its_months_alone():
    source = {period(2024, month): content(10) for month in (1, 2, 3, None, 13)}
    plan = make_plan(
        Request("backfill", months=Months((2024, 2), (2024, 3)), force=True), source, {}, {}, RECIPE
    )

    assert plan.periods == [period(2024, 2), period(2024, 3)]
    assert plan.rows_to_copy == 20
    assert plan.rows_source == 50


def test_the_plan_in_figures():
    source = {period(2024, 1): content(10), period(2024, 2): content(20, "9:9")}
    target_rows = {period(2024, 1): 10, period(2024, 2): 15, period(2023, 12): 7}
    receipts = {period(2024, 1): receipt(10), period(2024, 2): receipt(15)}
    plan = make_plan(RUN, source, target_rows, receipts, RECIPE)

    assert plan.periods == [period(2023, 12), period(2024, 2)]
    assert plan.rows_source == 30
    assert plan.rows_to_delete == 22
    assert plan.rows_to_copy == 20
    assert plan.rows_after == 30
    assert {state: n for state, n in plan.states.items() if n} == {
        "changed": 1, "vanished": 1, "unchanged": 1,
    }  # fmt: skip
    assert plan.contents() == {
        period(2023, 12): None,
        period(2024, 2): source[period(2024, 2)],
    }
    assert plan.expected() == {
        period(2023, 12): None,
        period(2024, 2): source[period(2024, 2)].figures,
    }
    assert plan.loaded_rows == {period(2024, 1): 10, period(2024, 2): 15}


def test_periods_are_none_where_they_are_all():
    source = {period(2024, 1): content(1), period(None, None): content(2)}

    assert make_plan(FULL, source, {}, {}, RECIPE).periods is None
    assert make_plan(FULL, source, {period(2023, 1): 5}, {}, RECIPE).periods is None


PERIODS = st.builds(Period, *[st.none() | st.integers(min_value=9, max_value=11).map(Decimal)] * 2)
DIGESTS = st.sampled_from("ab")
SIDES = st.tuples(
    st.dictionaries(PERIODS, st.builds(content, st.integers(1, 3), DIGESTS)),
    st.dictionaries(PERIODS, st.integers(1, 3)),
    st.dictionaries(
        PERIODS,
        st.builds(
            receipt, st.integers(1, 3), st.sampled_from("ab"), st.sampled_from([RECIPE, "old"])
        ),
    ),
)


@given(SIDES, st.booleans())
def test_any_plan_makes_the_target_equal_to_the_source(sides, force: bool):  # noqa: FBT001
    source, target_rows, receipts = sides
    plan = make_plan(Request("run", force=force), source, target_rows, receipts, RECIPE)

    after = dict(target_rows)
    for entry in plan.reloads:
        assert after.pop(entry.period, 0) == entry.rows_to_delete
        if entry.rows_to_copy:
            after[entry.period] = entry.rows_to_copy
    assert after == {each: found.figures.rows for each, found in source.items()}
    assert plan.rows_after == sum(after.values()) == plan.rows_source


@given(SIDES)
def test_what_is_left_alone_has_a_receipt_for_just_what_is_there(sides):
    source, target_rows, receipts = sides
    plan = make_plan(RUN, source, target_rows, receipts, RECIPE)

    for entry in plan.entries:
        if entry.state is State.UNCHANGED:
            found, left = source[entry.period], receipts[entry.period]
            assert (left.digest, left.recipe) == (found.digest, RECIPE)
            assert left.rows == found.figures.rows == target_rows[entry.period]


@given(SIDES)
def test_entries_stand_in_time(sides):
    plan = make_plan(RUN, *sides, RECIPE)

    keys = [entry.period.sort_key for entry in plan.entries]
    assert plan.periods in (None, [entry.period for entry in plan.reloads])
    assert keys == sorted(set(keys))
    assert sum(plan.states.values()) == len(plan.entries)
