"""Clients that others wrote log in to the stand-in and read it, each through its own protocol code.

What they agree on is what the protocol is, as far as it can be known without an Oracle.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from conformance import source
from conformance.clients import CLIENTS
from conformance.conftest import Reports
from conformance.reports import Report

# How clients call what they called off, or what was called off for them.
CALLED_OFF = ("ORA-01013", "DPY-4024", "NJS-123")
SOON = source.ENDLESS_SECONDS / 2


@pytest.fixture(params=CLIENTS, ids=str)
def report(request: pytest.FixtureRequest, reports: Reports, personality: str) -> Report:
    return reports(request.param, personality)


def assert_numbers(answer: Sequence[Sequence[Any]], expected: Sequence[source.Row]) -> None:
    """Digit for digit; the first row that differs says enough."""
    assert len(answer) == len(expected)
    for row, values in zip(answer, expected, strict=True):
        assert [None if one is None else Decimal(one) for one in row] == list(values)


def assert_interrupted(answer: dict[str, Any], *errors: str) -> None:
    """The error came soon, and the session goes on."""
    assert any(error in answer["error"] for error in errors), answer["error"]
    assert answer["seconds"] < SOON
    assert answer["then"] == [["1"]]


def test_log_in(report: Report) -> None:
    assert report.answer("log in") == [["EBS"]]


def test_wrong_password(report: Report) -> None:
    assert "ORA-01017" in report.answer("wrong password")


def test_unknown_service(report: Report) -> None:
    assert report.client.refusal in report.answer("unknown service")


def test_numbers_one_a_round_trip(report: Report) -> None:
    assert_numbers(report.answer("numbers"), source.number_rows())


def test_many_rows_at_each_fetch_size(report: Report) -> None:
    answers = report.answer("many rows")

    assert answers.keys() == {str(size) for size in source.FETCH_SIZES}
    for rows in answers.values():
        assert_numbers(rows, source.many_rows())


def test_binds(report: Report) -> None:
    rows = report.answer("binds")

    assert [text for _, text in rows] == ["Ж" * 300, "one", None]
    assert_numbers([row[:1] for row in rows], [(Decimal("-2.5"),), (Decimal(123456789),), (None,)])


def test_a_snapshot_stays_while_rows_change(report: Report) -> None:
    assert report.answer("snapshot") == [[["0"]], [["0"]], [["1"]]]


def test_texts(report: Report) -> None:
    expected = [[str(number), *texts] for number, *texts in source.texts()]

    assert report.answer("texts") == expected


def test_moments(report: Report) -> None:
    rows = [
        [value and datetime.fromisoformat(value).replace(tzinfo=None) for value in row[1:]]
        for row in report.answer("moments")
    ]

    expected = source.moments(report.client.second_digits)
    assert rows == [list(moments) for _, *moments in expected]


def test_floats_and_bytes(report: Report) -> None:
    rows = [
        (int(key), number and Decimal(number), *values)
        for key, number, *values in report.answer("floats and bytes")
    ]

    assert rows == source.floats_and_bytes()


def test_cancel(report: Report) -> None:
    assert_interrupted(report.answer("cancel"), *CALLED_OFF)


def test_call_timeout(report: Report) -> None:
    assert_interrupted(report.answer("call timeout"), *CALLED_OFF)


def test_error_at_execute(report: Report) -> None:
    assert_interrupted(report.answer("missing table"), "ORA-00942")


def test_error_in_the_middle_of_a_fetch(report: Report) -> None:
    assert_interrupted(report.answer("error in fetch"), "ORA-01555")


def test_thirty_sessions_at_once(report: Report) -> None:
    answers = [rows[0] for rows in report.answer("thirty sessions")]

    assert_numbers(answers, [(value,) for value in source.NUMBERS[:30]])
