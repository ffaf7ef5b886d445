"""The scalar encodings: against Oracle's published examples, their own inverses, and byte order.

The real driver reads and writes the same encodings in tests/integration/standin/test_numbers.py.
"""

import datetime as dt
import struct
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oracle_standin.codec import (
    MALFORMED,
    NUL,
    clr,
    decode_date,
    decode_double,
    decode_number,
    encode_date,
    encode_double,
    encode_float,
    encode_national_text,
    encode_number,
    encode_text,
    encode_timestamp,
    encode_timestamp_tz,
    number_clr,
    sized,
    universal,
)
from oracle_standin.errors import OraError
from support.strategies import numbers


def plain(number: Decimal) -> str:
    """As PostgreSQL prints it: no exponent, no sign of zero."""
    return format(number or abs(number), "f")


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("0", "80"),
        ("1", "c102"),
        ("10", "c10b"),
        ("100", "c202"),
        ("123", "c20218"),
        ("-1", "3e6466"),
        ("-123", "3d644e66"),
        ("0.1", "c00b"),
        ("0.01", "c002"),
        ("0.001", "bf0b"),
        ("123.45", "c202182e"),
        ("-123.45", "3d644e3866"),
        ("1" + "0" * 125, "ff0b"),
        ("0." + "0" * 129 + "1", "8002"),
        ("9" * 38, "d3" + "64" * 19),
        ("-" + "9" * 40, "2b" + "02" * 20),
    ],
)
def test_number_is_written_as_oracle_dumps_it(text: str, encoded: str) -> None:
    assert encode_number(text).hex() == encoded


@given(numbers())
@example(Decimal(0))
@example(Decimal("1E-130"))
@example(Decimal("-9.9999999999999999999999999999999999999E125"))
@example(Decimal(2**53 + 1))
def test_number_comes_back_digit_for_digit(number: Decimal) -> None:
    assert decode_number(encode_number(plain(number))) == number


@given(st.lists(numbers(), min_size=2, max_size=30, unique=True))
def test_numbers_sort_as_their_bytes_do(several: list[Decimal]) -> None:
    encoded = [encode_number(plain(number)) for number in sorted(several)]
    assert all(one < other for one, other in pairwise(encoded))


@given(numbers(), st.integers(0, 3), st.integers(0, 3))
def test_zeros_around_a_number_change_nothing(number: Decimal, before: int, after: int) -> None:
    text = plain(abs(number))
    padded = "0" * before + (text if "." in text else f"{text}.") + "0" * after
    assert encode_number(padded) == encode_number(text)


@given(numbers(digits=60))
@example(Decimal("9" * 45))
def test_more_digits_than_fit_are_rounded_half_up(number: Decimal) -> None:
    rounded = {Context(prec=digits, rounding=ROUND_HALF_UP).plus(number) for digits in (39, 40)}
    assert decode_number(encode_number(plain(number))) in rounded


@given(numbers())
def test_number_is_never_longer_than_21_bytes(number: Decimal) -> None:
    encoded = encode_number(plain(number))
    assert 1 <= len(encoded) <= 21
    assert number_clr(plain(number)) == bytes([len(encoded)]) + encoded


@pytest.mark.parametrize("text", ["1" + "0" * 126, "-1" + "0" * 200])
def test_number_that_is_too_large_is_an_overflow(text: str) -> None:
    with pytest.raises(OraError, match="ORA-01426"):
        encode_number(text)


def test_number_that_is_too_small_is_zero() -> None:
    assert encode_number("0." + "0" * 140 + "1") == b"\x80"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_oracle_has_no_number_for_is_refused(text: str) -> None:
    with pytest.raises(OraError, match="ORA-01722"):
        encode_number(text)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_universal_is_the_shortest_form(value: int) -> None:
    encoded = universal(value)
    assert len(encoded) == 1 + (encoded[0] & 0x7F) <= 9
    assert int.from_bytes(encoded[1:], "big") == abs(value)
    assert encoded[1:2] != b"\0"


@pytest.mark.parametrize(
    ("size", "head"), [(1, "01"), (252, "fc"), (253, "fe01fd"), (32767, "fe027fff")]
)
def test_clr_is_in_chunks_from_253_bytes(size: int, head: str) -> None:
    assert clr(b"x" * size).hex().startswith(head)


@pytest.mark.parametrize("empty", [None, b""])
def test_empty_text_is_null(empty: bytes | None) -> None:
    assert clr(empty) == b"\0"


def test_sized_writes_the_length_twice() -> None:
    assert sized(b"AUTH") == b"\x01\x04\x04AUTH"
    assert sized(b"") == b"\0"


@given(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59)))  # noqa: DTZ001
def test_dates_and_timestamps_come_back(moment: dt.datetime) -> None:
    second = moment.replace(microsecond=0)
    assert len(encode_date(str(moment))) == 7
    assert decode_date(encode_date(str(moment))) == second
    assert decode_date(encode_timestamp(str(moment))) == moment
    assert decode_date(encode_timestamp_tz(str(moment))) == moment
    assert encode_timestamp(str(second)) == encode_date(str(second))


def test_date_is_written_as_oracle_dumps_it() -> None:
    moment = dt.datetime(2024, 2, 29, 13, 14, 15)  # noqa: DTZ001
    assert list(encode_date(str(moment))) == [120, 124, 2, 29, 14, 15, 16]


@given(st.integers(1, 4712), st.dates(dt.date(2000, 1, 1), dt.date(2000, 12, 31)), st.booleans())
def test_a_year_before_the_first_is_negative(year: int, day: dt.date, has_time: bool) -> None:
    """As Oracle dumps 1 January 4712 BC: century 53, year 88, so 100 less the digits of both."""
    time = " 23:59:58" if has_time else ""
    encoded = encode_date(f"{year:04}-{day:%m-%d}{time} BC")
    assert 100 * (100 - encoded[0]) + 100 - encoded[1] == year
    assert abs(encoded[1] - 100) < 100
    assert list(encoded[2:4]) == [day.month, day.day]
    assert list(encoded[4:]) == ([24, 60, 59] if has_time else [1, 1, 1])
    assert encode_timestamp(f"{year:04}-{day:%m-%d}{time} BC") == encoded


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("4712-01-01 00:00:00 BC", [53, 88, 1, 1, 1, 1, 1]),
        ("9999-12-31 23:59:59", [199, 199, 12, 31, 24, 60, 60]),
        ("11504-02-29 00:00:00", [115, 100, 2, 29, 1, 1, 1]),
        ("10104-02-29 00:00:00", [101, 100, 2, 29, 1, 1, 1]),
    ],
)
def test_the_outermost_dates_and_leap_days(text: str, encoded: list[int]) -> None:
    assert list(encode_date(text)) == encoded


@pytest.mark.parametrize(
    "text",
    ["4713-12-31 00:00:00 BC", "10000-01-01 00:00:00", "11204-02-29 00:00:00",
        "11604-02-29 00:00:00", "11504-02-28 00:00:00", "infinity", "-infinity"],
)  # fmt: skip
def test_what_oracle_has_no_date_for_is_refused(text: str) -> None:
    for encode in (encode_date, encode_timestamp, encode_timestamp_tz):
        with pytest.raises(OraError, match="ORA-01841"):
            encode(text)


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters=[NUL, MALFORMED]))


@given(_TEXTS, _TEXTS)
def test_a_text_comes_back_and_its_markers_do_not(text: str, more: str) -> None:
    assert encode_text(text).decode() == text
    assert encode_national_text(text).decode("utf-16-be") == text
    marked = f"{text}{NUL}{more}"
    assert encode_text(marked).decode() == f"{text}\0{more}"
    assert encode_national_text(marked).decode("utf-16-be") == f"{text}\0{more}"
    for encode, charset in ((encode_text, "utf-8"), (encode_national_text, "utf-16-be")):
        with pytest.raises(UnicodeDecodeError):
            encode(f"{text}{MALFORMED}{more}").decode(charset)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_floats_keep_every_bit_and_sort_as_their_bytes_do(values: list[float]) -> None:
    for value in values:
        bent = int.from_bytes(encode_float(value), "big")
        bits = bent & 0x7FFFFFFF if bent >> 31 else bent ^ 0xFFFFFFFF
        assert bits.to_bytes(4, "big") == struct.pack(">f", value)
    assert sorted(values, key=encode_float) == sorted(values)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_doubles_come_back_and_sort_as_their_bytes_do(values: list[float]) -> None:
    assert [decode_double(encode_double(value)) for value in values] == values
    by_bytes = sorted(values, key=encode_double)
    assert by_bytes == sorted(values)


def test_a_double_keeps_every_bit() -> None:
    for bits in ("0000000000000001", "8000000000000000", "7ff0000000000000", "3ff0000000000001"):
        value = struct.unpack(">d", bytes.fromhex(bits))[0]
        assert struct.pack(">d", decode_double(encode_double(value))).hex() == bits
