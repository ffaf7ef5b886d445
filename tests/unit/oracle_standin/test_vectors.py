"""Columns encoded at once have the bytes of their values encoded one at a time."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oracle_standin.codec import MALFORMED, NUL, clr, encode_text, number_clr
from oracle_standin.errors import OraError
from oracle_standin.vectors import Ragged, numbers, texts
from support.strategies import numbers as number_values

Texts = Sequence[str | None]


def by_value(encode: Callable[[str], bytes], column: Texts) -> list[bytes]:
    return [b"\0" if text is None else encode(text) for text in column]


def strings(column: Ragged) -> list[bytes]:
    data, start, cut = column.data.tobytes(), 0, []
    for size in column.lengths.tolist():
        cut.append(data[start : start + size])
        start += size
    assert start == len(data)
    return cut


def _printed(draw_zeros: tuple[int, str]) -> str:
    zeros, number = draw_zeros
    return (
        f"{number}{'0' * zeros}" if "." in number else f"{number}{'.' * bool(zeros)}{'0' * zeros}"
    )


_NUMBERS = st.tuples(
    st.integers(0, 3), number_values().map(lambda n: format(n or abs(n), "f"))
).map(_printed)
_SHORT = st.integers(-(10**9), 10**9).map(str) | st.decimals(-9999, 9999, places=3).map(str)


@given(st.lists(st.none() | _NUMBERS | _SHORT, min_size=1, max_size=30))
@example(["0", "0.000", None, "-0.5", "100", "-100.00"])
@example([None])
@example(["0"])
@example(["9" * 40, "-" + "9" * 39 + "0", "1"])
@example(["9" * 45, "0." + "0" * 140 + "1", "0.05"])
@example(["1" + "0" * 125, "0." + "0" * 129 + "1", "-1"])
def test_numbers(column: Texts) -> None:
    assert strings(numbers(column)) == by_value(number_clr, column)


@pytest.mark.parametrize(
    ("bad", "code"), [("NaN", 1722), ("-Infinity", 1722), ("1" + "0" * 126, 1426)]
)
def test_what_is_no_number_is_refused_among_others(bad: str, code: int) -> None:
    with pytest.raises(OraError) as raised:
        numbers(["1", bad, None])
    assert raised.value.code == code


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300)


@given(st.lists(st.none() | _TEXTS, min_size=1, max_size=20))
@example(["x" * 252, None, "", "é"])
@example(["x" * 253, None, "", "é"])
@example(["é" * 127, "a"])
@example(["x" * 40_000])
@example([f"a{NUL}b", None, MALFORMED])
def test_texts(column: Texts) -> None:
    encoded = by_value(lambda text: clr(encode_text(text)), column)
    assert strings(texts(column)) == encoded
