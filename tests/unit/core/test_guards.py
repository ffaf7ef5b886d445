"""Guards refuse a source that lost its rows; warnings name what is odd in it."""

import pytest

from etl_sales_target.core.guards import GuardError, check_shrink, warnings
from etl_sales_target.core.plan import LoadRequest, Mode, Plan, make_plan
from support.builders import DIGEST_VERSION, LAYOUT, content, loaded_period, period

HALF = 50


def plan(source_rows: int, loaded_rows: int, target_rows: int = 0) -> Plan:
    """A plan where this many rows are in the source, were loaded last time, are in the target."""
    source = {period(2024, 1): content(source_rows)} if source_rows else {}
    loaded_periods = {period(2023, 1): loaded_period(loaded_rows)} if loaded_rows else {}
    standing = {period(2022, 1): target_rows} if target_rows else {}
    return make_plan(LoadRequest(Mode.RUN), source, standing, loaded_periods, DIGEST_VERSION)


@pytest.mark.parametrize("loaded", [0, 1, 1000])
@pytest.mark.parametrize("max_shrink_percent", [0, 100])
def test_an_empty_source_is_refused_whatever_shrinking_is_allowed(
    loaded: int, max_shrink_percent: int
) -> None:
    with pytest.raises(GuardError, match="The source is empty") as e:
        check_shrink(plan(0, loaded), max_shrink_percent)

    assert e.value.exit_code == 65
    assert "--allow-shrink" in str(e.value.remedy)


@pytest.mark.parametrize(
    ("rows", "loaded", "max_shrink_percent"),
    [(499, 1000, HALF), (999, 1000, 0), (1, 1000, 99), (1, 3, HALF)],
)
def test_a_source_that_shrank_too_far_is_refused(
    rows: int, loaded: int, max_shrink_percent: int
) -> None:
    with pytest.raises(GuardError, match=f"has {rows} rows and the last load left {loaded}:") as e:
        check_shrink(plan(rows, loaded), max_shrink_percent)

    assert f"allows {max_shrink_percent}" in e.value.message
    assert e.value.fields["guard"] == "shrink"


@pytest.mark.parametrize("loaded", [0, 3])
def test_rows_that_no_load_left_in_the_target_count(loaded: int) -> None:
    with pytest.raises(GuardError, match="has 3 rows and the target has 50000:"):
        check_shrink(plan(3, loaded, 50_000), HALF)


@pytest.mark.parametrize(
    ("rows", "loaded", "max_shrink_percent"),
    [(500, 1000, HALF), (1000, 1000, 0), (2000, 1000, 0), (1, 1000, 100), (1, 0, 0)],
)
def test_other_sources_pass(rows: int, loaded: int, max_shrink_percent: int) -> None:
    check_shrink(plan(rows, loaded), max_shrink_percent)


def test_no_warnings_for_a_source_without_oddities() -> None:
    assert [*warnings(plan(10, 10), LAYOUT, repeated_keys=0)] == []


def test_warnings_count_the_rows_they_are_about() -> None:
    source = {
        period(2024, 1): content(10, nulls={"id": 2, "target_amount": 5}),
        period(2024, 13): content(3, nulls={"id": 1}),
        period(2024, 0): content(4),
        period(None, None): content(6, nulls={"target_year": 6, "target_month": 6}),
        period(None, 1): content(2, nulls={"target_year": 2}),
        period(2024, None): content(1, nulls={"target_month": 1}),
    }
    made = make_plan(LoadRequest(Mode.RUN), source, {}, {}, DIGEST_VERSION)
    found = [*warnings(made, LAYOUT, repeated_keys=7)]

    assert found == [
        "7 rows repeat the id of another row.",
        "3 rows have no id.",
        "8 rows have no target_year.",
        "7 rows have no target_month.",
        "7 rows have a month outside 1-12: 0, 13.",
    ]
