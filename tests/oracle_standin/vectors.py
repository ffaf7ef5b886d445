"""Whole columns encoded at once, with numpy: the same bytes as `codec` gives for each value.

A column is a sequence of texts, as PostgreSQL prints values, and of None. What is rare is left to
`codec`, a value at a time: numbers of more than 40 digits, texts of more than 252 bytes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from oracle_standin.codec import (
    LONGEST_SHORT_CLR,
    MARKER_START,
    MAX_EXPONENT,
    MAX_PAIRS,
    MIN_EXPONENT,
    NULL,
    clr,
    encode_text,
    number_clr,
)

Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Texts = Sequence[str | None]

_COMMA, _MINUS, _POINT, _ONE, _NINE = b",-.19"


class Ragged(NamedTuple):
    """Byte strings end to end, and how long each is."""

    data: Bytes
    lengths: Counts


def ragged(strings: Sequence[bytes]) -> Ragged:
    data = np.frombuffer(b"".join(strings), np.uint8)
    return Ragged(data, np.fromiter(map(len, strings), np.intp, len(strings)))


def each(encode: Callable[[str], bytes], column: Texts) -> Ragged:
    return ragged([NULL if text is None else encode(text) for text in column])


def interleaved(columns: Sequence[Ragged], sent: Flags) -> tuple[bytes, Counts]:
    """Row by row, of each the columns that are `sent`; and where each row ends."""
    sizes = np.stack([column.lengths for column in columns], axis=1) * sent
    ends = np.cumsum(sizes).reshape(sizes.shape)
    starts = ends - sizes
    rows = np.empty(ends[-1, -1], np.uint8)
    for position, column in enumerate(columns):
        is_sent = sent[:, position]
        kept = column.data if is_sent.all() else column.data[np.repeat(is_sent, column.lengths)]
        rows[_places(starts[:, position], sizes[:, position])] = kept
    return rows.tobytes(), ends[:, -1]


def _places(starts: Counts, sizes: Counts) -> Counts:
    """The index of each byte of strings that start at `starts`."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(sizes.sum())


def texts(column: Texts) -> Ragged:
    """CLRs of UTF-8. PostgreSQL has no zero byte in a text, so one can stand between them."""
    data = "\0".join(["", *_without_none(column)]).encode()
    if MARKER_START in data:
        return _each_text(column)
    encoded = np.frombuffer(data, np.uint8).copy()
    heads = np.flatnonzero(encoded == 0)
    sizes = np.diff(heads, append=len(encoded)) - 1
    if sizes.max() > LONGEST_SHORT_CLR:
        return _each_text(column)
    encoded[heads] = sizes
    return Ragged(encoded, sizes + 1)


def _each_text(column: Texts) -> Ragged:
    return each(lambda text: clr(encode_text(text)), column)


def _without_none(column: Texts) -> Sequence[str]:
    return [text or "" for text in column]


def numbers(column: Texts) -> Ragged:
    """CLRs of NUMBERs."""
    text = np.frombuffer(",".join([*_without_none(column), ""]).encode(), np.uint8)
    if text.max() > _NINE:  # NaN, Infinity
        return each(number_clr, column)
    ends = np.flatnonzero(text == _COMMA)
    digits = _digits(text, ends)
    counts = np.bincount(digits.rows, minlength=len(ends))
    nonzero = counts > 0
    exponents, lowest = np.zeros((2, len(ends)), np.intp)
    behind = np.cumsum(counts)[nonzero]
    exponents[nonzero] = digits.powers[behind - counts[nonzero]] >> 1
    lowest[nonzero] = digits.powers[behind - 1] >> 1
    pairs = exponents - lowest + 1
    if pairs.max() > MAX_PAIRS or exponents.min() < MIN_EXPONENT or exponents.max() > MAX_EXPONENT:
        return each(number_clr, column)
    starts = np.concatenate(([0], ends[:-1] + 1))
    return _number_clrs(
        digits, exponents, pairs * nonzero, negative=text[starts] == _MINUS, present=ends > starts
    )


class _Digits(NamedTuple):
    """The digits that are not 0, in order: of which number, of which power of 10."""

    values: Bytes
    rows: Counts
    powers: Counts


def _digits(text: Bytes, ends: Counts) -> _Digits:
    """Of numbers that end, each in a comma, at `ends`."""
    row_of = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))
    points = ends.copy()
    found = np.flatnonzero(text == _POINT)
    points[row_of[found]] = found
    places = np.flatnonzero((text >= _ONE) & (text <= _NINE))
    rows = row_of[places]
    powers = points[rows] - places
    powers -= powers > 0
    return _Digits(text[places] - ord("0"), rows, powers)


def _number_clrs(
    digits: _Digits, exponents: Counts, pairs: Counts, *, negative: Flags, present: Flags
) -> Ragged:
    """`exponents` of base 100, and how many digits of it; 0 has none."""
    nonzero = pairs > 0
    ended = nonzero & negative & (pairs < MAX_PAIRS)
    sizes = 1 + present + pairs + ended
    starts = np.cumsum(sizes) - sizes
    decimal = np.zeros(2 * sizes.sum(), np.uint8)
    decimal[(2 * (starts + 2 + exponents) + 1)[digits.rows] - digits.powers] = digits.values
    values = decimal[::2] * np.uint8(10) + decimal[1::2]
    data = np.where(np.repeat(negative, sizes), 101 - values, values + 1)
    signed = np.where(negative, 62 - exponents, 193 + exponents)
    data[starts] = sizes - 1
    data[starts[present] + 1] = np.where(nonzero, signed, 0x80)[present]
    data[(starts + sizes - 1)[ended]] = 0x66
    return Ragged(data, sizes)
