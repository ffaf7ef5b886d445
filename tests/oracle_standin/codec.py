"""Oracle's scalar encodings, as pure functions.

A "universal" integer is a length byte and that many big-endian bytes. A CLR is a byte string with
a length byte, or in chunks when it is long. NUMBER is base-100 digits behind an exponent byte.
"""

import datetime as dt
import re
import struct
from decimal import ROUND_HALF_UP, Context, Decimal

from oracle_standin.errors import OraError

NULL = b"\x00"
LONG_CLR = 254
LONGEST_SHORT_CLR = 252  # 253 is the client's escape for a NULL boolean
_CHUNK = 32767

MAX_PAIRS = 20
MIN_EXPONENT, MAX_EXPONENT = -65, 62
_NEGATIVE_END = b"\x66"

# What PostgreSQL cannot hold has a stand-in there: noncharacters, which Unicode leaves to programs.
NUL = "\ufdd0"  # U+0000
MALFORMED = "\ufdd1"  # a byte that is no UTF-8, in a national text a lone surrogate
_LONE_SURROGATE = "\ud800"
MARKER_START = NUL.encode()[:2]

# 29 February 11504 is that of 1500, which just Oracle's Julian calendar has (see schema.sql).
JULIAN_OFFSET = 10_004
_MAX_YEAR = 9999
_MAX_YEAR_BC = 4712
_MOMENT = re.compile(
    r"(\d+)-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(?P<fraction>\d+))?)?(?:\+00)?(?P<bc> BC)?"
)

_BYTES = [bytes([value]) for value in range(256)]


def _by_bcd(of_pair: int, sign: int) -> bytes:
    """A table for bytes.translate: the BCD byte 0x42 (the digits 42) becomes of_pair + sign*42."""
    table = bytearray(256)
    for pair in range(100):
        table[pair // 10 * 16 + pair % 10] = of_pair + sign * pair
    return bytes(table)


_POSITIVE_DIGITS = _by_bcd(1, 1)
_NEGATIVE_DIGITS = _by_bcd(101, -1)


def universal(value: int) -> bytes:
    """A length byte and the number, big-endian.

    >>> universal(0).hex(), universal(5).hex(), universal(873).hex(), universal(-2).hex()
    ('00', '0105', '020369', '8102')
    """
    magnitude = abs(value)
    size = (magnitude.bit_length() + 7) // 8
    return bytes([size | (0x80 if value < 0 else 0)]) + magnitude.to_bytes(size, "big")


def clr(value: bytes | None) -> bytes:
    r"""A byte string behind its length, or in chunks that each have one.

    >>> clr(None), clr(b"ab")
    (b'\x00', b'\x02ab')
    """
    if not value:
        return NULL
    if len(value) <= LONGEST_SHORT_CLR:
        return bytes([len(value)]) + value
    starts = range(0, len(value), _CHUNK)
    chunks = (value[start : start + _CHUNK] for start in starts)
    body = b"".join(universal(len(chunk)) + chunk for chunk in chunks)
    return bytes([LONG_CLR]) + body + universal(0)


def sized(value: bytes) -> bytes:
    """A byte string whose length is written twice: for names, keys and values."""
    return universal(len(value)) + (clr(value) if value else b"")


def encode_number(text: str) -> bytes:
    """A plain decimal text (no exponent) as a NUMBER.

    >>> [encode_number(n).hex() for n in ("0", "1", "100", "-1", "0.1", "123.45")]
    ['80', 'c102', 'c202', '3e6466', 'c00b', 'c202182e']
    """
    whole, _, fraction = text.lstrip("-").partition(".")
    if len(whole) & 1:
        whole = "0" + whole
    if len(fraction) & 1:
        fraction += "0"
    try:
        pairs = bytes.fromhex(whole + fraction)  # BCD
    except ValueError:  # NaN, Infinity: Oracle's NUMBER has neither
        raise OraError(1722) from None
    exponent = len(whole) // 2 - 1
    if not (pairs[0] and pairs[-1]):
        exponent -= len(pairs) - len(pairs.lstrip(b"\0"))
        pairs = pairs.strip(b"\0")
    if not pairs or exponent < MIN_EXPONENT:
        return b"\x80"
    if exponent > MAX_EXPONENT:
        raise OraError(1426)
    if len(pairs) > MAX_PAIRS:
        return encode_number(_rounded(text, pairs[0]))
    if text[0] != "-":
        return _BYTES[193 + exponent] + pairs.translate(_POSITIVE_DIGITS)
    end = _NEGATIVE_END if len(pairs) < MAX_PAIRS else b""
    return _BYTES[62 - exponent] + pairs.translate(_NEGATIVE_DIGITS) + end


def number_clr(text: str) -> bytes:
    """The same with its length before it: a NUMBER is never too long for that."""
    number = encode_number(text)
    return _BYTES[len(number)] + number


def _rounded(text: str, first_pair: int) -> str:
    """To the 39 or 40 digits that twenty pairs can hold; `first_pair` is BCD."""
    precision = 2 * MAX_PAIRS - (first_pair < 0x10)
    return format(Context(prec=precision, rounding=ROUND_HALF_UP).create_decimal(text), "f")


def decode_number(data: bytes) -> Decimal:
    """The exact value of a NUMBER.

    >>> [str(decode_number(encode_number(n))) for n in ("0", "-1", "123.45", "100")]
    ['0', '-1', '123.45', '100']
    """
    head = data[0]
    if head & 0x80:
        exponent, digits = head - 193, [digit - 1 for digit in data[1:]]
    else:
        exponent = 62 - head
        digits = [101 - digit for digit in data[1:].removesuffix(_NEGATIVE_END)]
    if not digits:
        return Decimal(0)
    sign = 0 if head & 0x80 else 1
    value = int("".join(f"{digit:02d}" for digit in digits))
    shift = 2 * (exponent - len(digits) + 1)
    plain = format(Decimal((sign, tuple(map(int, str(value))), shift)), "f")
    return Decimal(plain.rstrip("0").rstrip(".") if "." in plain else plain)


def encode_text(text: str) -> bytes:
    r"""UTF-8, but for the markers of what PostgreSQL has no text of.

    >>> encode_text("a"), encode_text(NUL), encode_text(MALFORMED)
    (b'a', b'\x00', b'\xff')
    """
    data = text.encode()
    if MARKER_START in data:
        data = data.replace(NUL.encode(), b"\0").replace(MALFORMED.encode(), b"\xff")
    return data


def encode_national_text(text: str) -> bytes:
    r"""AL16UTF16, with the same markers.

    >>> encode_national_text("a"), encode_national_text(NUL), encode_national_text(MALFORMED)
    (b'\x00a', b'\x00\x00', b'\xd8\x00')
    """
    known = text.replace(NUL, "\0").replace(MALFORMED, _LONE_SURROGATE)
    return known.encode("utf-16-be", "surrogatepass")


def encode_date(text: str) -> bytes:
    """Seven bytes: century + 100, year + 100, month, day, then hour, minute, second + 1.

    Of a date or timestamp as PostgreSQL prints it, a fraction left out. Before the year 1 century
    and year are negative.

    >>> list(encode_date("2024-02-29 13:14:15")), list(encode_date("0012-03-04 00:00:00 BC"))
    ([120, 124, 2, 29, 14, 15, 16], [100, 88, 3, 4, 1, 1, 1])
    """
    return _seconds(_parsed(text))


def encode_timestamp(text: str) -> bytes:
    """A DATE and uint32be nanoseconds, which are left out when they are zero."""
    parsed = _parsed(text)
    nanoseconds = _nanoseconds(parsed)
    return _seconds(parsed) + (struct.pack(">I", nanoseconds) if nanoseconds else b"")


def encode_timestamp_tz(text: str) -> bytes:
    """A TIMESTAMP in UTC, then hours + 20 and minutes + 60 of the zone, which is always UTC."""
    parsed = _parsed(text)
    return _seconds(parsed) + struct.pack(">IBB", _nanoseconds(parsed), 20, 60)


def _parsed(text: str) -> re.Match[str]:
    parsed = _MOMENT.fullmatch(text)
    if parsed is None:  # infinity
        raise OraError(1841)
    return parsed


def _seconds(parsed: re.Match[str]) -> bytes:
    year, month, day, *time = (int(part or 0) for part in parsed.groups()[:6])
    hour, minute, second = time
    if year > _MAX_YEAR:
        year = _julian_year(year, month, day)
    century, rest = divmod(year, 100)
    if parsed["bc"]:
        if year > _MAX_YEAR_BC:
            raise OraError(1841)
        century, rest = -century, -rest
    return bytes((century + 100, rest + 100, month, day, hour + 1, minute + 1, second + 1))


def _julian_year(year: int, month: int, day: int) -> int:
    """The year that a day of JULIAN_OFFSET years later stands for."""
    century = year - JULIAN_OFFSET
    julian_only = century % 100 == 0 and century % 400 and 100 <= century <= 1500
    if (month, day) == (2, 29) and julian_only:
        return century
    raise OraError(1841)


def _nanoseconds(parsed: re.Match[str]) -> int:
    return int((parsed["fraction"] or "").ljust(9, "0"))


def decode_date(data: bytes) -> dt.datetime:
    """A DATE or TIMESTAMP; a zone, which only 13-byte values have, is dropped."""
    century, year, month, day, hour, minute, second = data[:7]
    nanoseconds = struct.unpack(">I", data[7:11])[0] if len(data) >= 11 else 0
    return dt.datetime(  # noqa: DTZ001 - a DATE has no zone
        (century - 100) * 100 + year - 100,
        *(month, day, hour - 1, minute - 1, second - 1),
        nanoseconds // 1000,
    )


def encode_double(value: float) -> bytes:
    """IEEE big-endian, bent so that bytes sort like numbers."""
    bits = struct.unpack(">Q", struct.pack(">d", value))[0]
    bent = bits ^ 0xFFFFFFFFFFFFFFFF if bits >> 63 else bits | 1 << 63
    return struct.pack(">Q", bent)


def encode_float(value: float) -> bytes:
    """The same of four bytes."""
    bits = struct.unpack(">I", struct.pack(">f", value))[0]
    return struct.pack(">I", bits ^ 0xFFFFFFFF if bits >> 31 else bits | 1 << 31)


def decode_double(data: bytes) -> float:
    bent = struct.unpack(">Q", data)[0]
    bits = bent & ~(1 << 63) if bent >> 63 else bent ^ 0xFFFFFFFFFFFFFFFF
    return float(struct.unpack(">d", struct.pack(">Q", bits))[0])
