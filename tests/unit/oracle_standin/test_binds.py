"""Bind variables: found where Oracle finds them, and never a way out of their literal."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle_standin.binds import literal, number_binds, values_by_name
from oracle_standin.errors import OraError
from oracle_standin.requests import BindValue

PASSED_OVER = ["'it''s :no'", '"a:no"', "-- :no\n", "/* :no\n */", " a ", " = ", ","]


@given(st.lists(st.sampled_from([*PASSED_OVER, " :a ", " :B2 ", " :1 ", ' :"q x" '])))
def test_binds_are_numbered_in_order_of_occurrence(pieces: list[str]) -> None:
    sql, names = number_binds("".join(pieces))
    wanted = [piece.strip(' :"') for piece in pieces if piece.startswith(" :")]
    assert [name.strip('"') for name in names] == wanted
    expected, position = "", 0
    for piece in pieces:
        if piece.startswith(" :"):
            expected += f" :bind_{position} "
            position += 1
        else:
            expected += piece
    assert sql == expected


def test_values_are_found_under_the_numbered_names() -> None:
    assert values_by_name([Decimal(1), None]) == {"bind_0": Decimal(1), "bind_1": None}


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_a_text_stays_inside_its_literal(text: str) -> None:
    written = literal(text)
    if not text:
        assert written == "NULL"
        return
    body = written.removeprefix(" E")
    assert body[0] == body[-1] == "'"
    inner = body[1:-1].replace("''", "")
    assert "'" not in inner
    if written.startswith(" E"):
        assert body[1:-1].replace("''", "'").replace("\\\\", "\\") == text
        assert inner.replace("\\\\", "").count("\\") == 0
    else:
        assert body[1:-1].replace("''", "'") == text
        assert "\\" not in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        (Decimal("-1E+3"), "(-1000)::numeric"),
        (Decimal("1E-7"), "(0.0000001)::numeric"),
        (b"\x00\xff", "'\\x00ff'::bytea"),
        (1.5, "'1.5'::float8"),
        (
            dt.datetime(2024, 2, 29, 1, 2, 3, 4),  # noqa: DTZ001
            "timestamp '2024-02-29 01:02:03.000004'",
        ),
    ],
)
def test_each_type_has_its_literal(value: BindValue, expected: str) -> None:
    assert literal(value) == expected


def test_a_text_that_postgresql_cannot_hold_is_refused() -> None:
    with pytest.raises(OraError, match="ORA-01722"):
        literal("a\0b")
