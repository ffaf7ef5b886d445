"""PostgreSQL's types as Oracle's, as a DESCRIBE has them.

`timestamp(0)` is DATE, another `timestamp(p)` TIMESTAMP(p), `numeric` NUMBER, `character(n)` CHAR(n
CHAR), and so on. What PostgreSQL has no type for are domains in the schema oracle_standin (see
schema.sql): a domain's name is the type's, and may end with a size, as in `timestamp_9`.

Seven and more digits of a second, LOBs, LONG, BOOLEAN and JSON are only described: the values of
TIMESTAMP(7) to (9) have six digits here, a row with one of the others is refused.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from oracle_standin.errors import OraError
from oracle_standin.messages import Column, OraType

_UNCONSTRAINED_SCALE = -127
_VARCHAR2_BYTES = 4000  # MAX_STRING_SIZE=STANDARD
_CHAR_BYTES = 2000
_FLOAT_DIGITS = 126  # binary
_FRACTION_DIGITS = 6
_NUMBER_OIDS = (20, 21, 23)
_HEADER = 4  # in the modifier of a type with a length
_NAME_AND_SIZE = re.compile(r"(?P<name>.+?)(?:_(?P<size>\d+))?")


class Declared(NamedTuple):
    """What a table says of a column: its domain in the schema oracle_standin, and NOT NULL."""

    domain: str | None
    nullable: bool


class _Given(NamedTuple):
    """`modifier` is PostgreSQL's; `size` what the name of a domain ends with, else -1."""

    name: str
    modifier: int
    size: int


_Describe = Callable[[_Given], Column]


def column(name: str, oid: int, modifier: int, declared: Declared | None) -> Column:
    """A column of an answer; `declared` is None for an expression.

    Raises ORA-00932 for a type that has no counterpart here.
    """
    describe = _BY_OID.get(oid)
    given = _Given(name, modifier, -1)
    if declared is not None and declared.domain is not None:
        found = _NAME_AND_SIZE.fullmatch(declared.domain)
        assert found is not None
        describe = _BY_DOMAIN.get(found["name"])
        given = _Given(name, modifier, int(found["size"] or -1))
    if describe is None:
        raise OraError(932, f"inconsistent datatypes: PostgreSQL's type {oid} in {name}")
    described = describe(given)
    return described if declared is None else described._replace(nullable=declared.nullable)


def _length(given: _Given, default: int) -> int:
    return given.modifier - _HEADER if given.modifier > _HEADER else default


def _text(kind: OraType, default: int, most: int) -> _Describe:
    def describe(given: _Given) -> Column:
        length = _length(given, default)
        return Column(given.name, kind, min(4 * length, most), characters=length)

    return describe


def _national(kind: OraType, default: int) -> _Describe:
    def describe(given: _Given) -> Column:
        length = _length(given, default)
        return Column(given.name, kind, 2 * length, characters=length, national=True)

    return describe


def _plain(kind: OraType, size: int, *, national: bool = False) -> _Describe:
    return lambda given: Column(given.name, kind, size, national=national)


def _number(given: _Given) -> Column:
    """Of numeric(p,s) the modifier is p << 16 | s, plus 4; else NUMBER without limits."""
    precision, scale = 0, _UNCONSTRAINED_SCALE
    if given.modifier >= _HEADER:
        digits, fraction = divmod(given.modifier - _HEADER, 1 << 16)
        if digits <= 38:
            precision, scale = digits, ((fraction & 0x7FF) ^ 1024) - 1024
    return Column(given.name, OraType.NUMBER, 22, precision, scale)


def _float(given: _Given) -> Column:
    digits = _FLOAT_DIGITS if given.size < 0 else given.size
    return Column(given.name, OraType.NUMBER, 22, digits, _UNCONSTRAINED_SCALE)


def _timestamp(given: _Given) -> Column:
    if given.size < 0 and given.modifier == 0:
        return Column(given.name, OraType.DATE, 7)
    digits = max(given.size, given.modifier)
    return _moment(given.name, OraType.TIMESTAMP, 11, digits)


def _with_zone(kind: OraType, size: int) -> _Describe:
    return lambda given: _moment(given.name, kind, size, max(given.size, given.modifier))


def _moment(name: str, kind: OraType, size: int, digits: int) -> Column:
    """A TIMESTAMP without a fraction is as long as a DATE."""
    digits = _FRACTION_DIGITS if digits < 0 else digits
    return Column(name, kind, size if digits else size - 4, scale=digits)


_VARCHAR2 = _text(OraType.VARCHAR2, _VARCHAR2_BYTES, _VARCHAR2_BYTES)
_RAW = _plain(OraType.RAW, 2000)

_BY_OID: Mapping[int, _Describe] = {
    **dict.fromkeys((*_NUMBER_OIDS, 1700), _number),
    **dict.fromkeys((18, 19, 25, 705, 1043), _VARCHAR2),
    1042: _text(OraType.CHAR, _CHAR_BYTES, _CHAR_BYTES),
    1082: _plain(OraType.DATE, 7),
    1114: _timestamp,
    1184: _with_zone(OraType.TIMESTAMP_TZ, 13),
    700: _plain(OraType.BINARY_FLOAT, 4),
    701: _plain(OraType.BINARY_DOUBLE, 8),
    17: _RAW,
}

_BY_DOMAIN: Mapping[str, _Describe] = {
    "nvarchar2": _national(OraType.VARCHAR2, _VARCHAR2_BYTES // 2),
    "nchar": _national(OraType.CHAR, 1),
    "float": _float,
    "timestamp": _timestamp,
    "timestamp_ltz": _with_zone(OraType.TIMESTAMP_LTZ, 11),
    "clob": _plain(OraType.CLOB, _VARCHAR2_BYTES),
    "nclob": _plain(OraType.CLOB, _VARCHAR2_BYTES, national=True),
    "blob": _plain(OraType.BLOB, _VARCHAR2_BYTES),
    "long": _plain(OraType.LONG, 0),
    "long_raw": _plain(OraType.LONG_RAW, 0),
    "boolean": _plain(OraType.BOOLEAN, 1),
    "json": _plain(OraType.JSON, _VARCHAR2_BYTES),
}
