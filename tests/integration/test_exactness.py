"""Every digit arrives: generated NUMBERs through the driver, COPY and NUMERIC."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.command import Job
from support.inprocess import load
from support.source_database import SourceDatabase, SourceRow
from support.target_database import TargetDatabase

# What a NUMBER can hold: up to 38 digits before 1E126, and nothing nearer to zero than 1E-130.
_MAX_EXPONENT = 120


def _number(digits: int, exponent: int, *, negative: bool) -> Decimal:
    sign = int(negative)
    return Decimal((sign, tuple(map(int, str(digits))), exponent - len(str(digits)) + 1))


numbers = st.one_of(
    st.none(),
    st.just(Decimal(0)),
    st.builds(
        _number,
        digits=st.integers(1, 10**38 - 1),
        exponent=st.integers(-_MAX_EXPONENT + 38, _MAX_EXPONENT),
        negative=st.booleans(),
    ),
    st.builds(
        _number,
        digits=st.integers(1, 999),
        exponent=st.integers(-_MAX_EXPONENT, -_MAX_EXPONENT + 38),
        negative=st.booleans(),
    ),
    st.decimals(min_value=-(10**9), max_value=10**9, places=2),
    st.sampled_from([Decimal(2**53 + 1), Decimal("0.1"), Decimal("1E-120"), Decimal(10**38 - 1)]),
)
months = st.one_of(st.none(), st.integers(1, 12).map(Decimal), numbers)
rows = st.lists(st.tuples(numbers, numbers, months, months, numbers), min_size=1, max_size=40)


@given(rows=rows)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_digit_arrives(
    rows: list[SourceRow], job: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    source.execute("DELETE FROM {table}")
    source.insert(rows)

    report = load(job.environ)

    assert report.outcome == "succeeded"
    expected, found = source.rows(), target.rows()
    assert list(map(_digits, found)) == list(map(_digits, expected))
    assert len(found) == len(rows)


def _digits(row: SourceRow) -> tuple[str | None, ...]:
    """The row's numbers with their trailing zeros removed, as text: equal texts, equal digits."""
    return tuple(None if number is None else _plain(number) for number in row)


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@pytest.mark.parametrize(
    "number",
    [
        "12345678901234567890123456789012345678",
        "-0.1",
        "9007199254740993",
        "1E-130",
        "9.99E+125",
        "0.00000000000000000000000000000000000001",
        "123456789012345678.90123456789012345678",
    ],
)
def test_numbers_that_a_float_would_round(
    job: Job, source: SourceDatabase, target: TargetDatabase, number: str
) -> None:
    source.insert([(1, 1, 1, 2024, Decimal(number))])

    load(job.environ)

    assert target.query("SELECT target_amount FROM mb.sales_target") == [(Decimal(number),)]
