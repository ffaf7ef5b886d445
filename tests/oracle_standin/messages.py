"""The messages that a server answers with, as bytes.

Field names follow the client's reading of them (python-oracledb 26.1.0, `impl/thin/messages`).
`version` is the negotiated TTC field version: later ones add fields.
"""

import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from oracle_standin.codec import clr, sized, universal
from oracle_standin.errors import OraError

UTF8 = 873
_AL16UTF16 = 2000
_CHARSETS = (0, UTF8, _AL16UTF16)  # by form
_RUNTIME_CAPS_SIZE = 13
_COMPILE_CAPS_SIZE = 55  # the client reads byte 40 without a bounds check

NO_DATA_FOUND = OraError(1403)
END_OF_RESPONSE_MESSAGE = b"\x1d"
ROW = b"\x07"
# flags, requests, iteration, iterations, buffer length, bit vector length, rxhrid
ROW_HEADER = bytes([6, 0, 0, 1, 1, 0, 0, 0, 0])


class OraType(IntEnum):
    VARCHAR2 = 1
    NUMBER = 2
    BINARY_INTEGER = 3
    LONG = 8
    DATE = 12
    RAW = 23
    LONG_RAW = 24
    CHAR = 96
    BINARY_FLOAT = 100
    BINARY_DOUBLE = 101
    CLOB = 112
    BLOB = 113
    JSON = 119
    TIMESTAMP = 180
    TIMESTAMP_TZ = 181
    TIMESTAMP_LTZ = 231
    BOOLEAN = 252


_TEXTS = {OraType.VARCHAR2, OraType.CHAR, OraType.LONG, OraType.CLOB}


class Column(NamedTuple):
    """A column of a query's answer.

    `size` is in bytes, and 0 would mean "always NULL" except for LONG; `characters` is the size of
    a text in characters. The texts of a `national` column are AL16UTF16.
    """

    name: str
    type: OraType
    size: int
    precision: int = 0
    scale: int = 0
    characters: int = 0
    national: bool = False
    nullable: bool = True

    @property
    def charset_form(self) -> int:
        """0 for what is no text, 1 for the database's character set, 2 for the national one."""
        return 1 + self.national if self.type in _TEXTS else 0


def protocol(version: int, banner: str) -> bytes:
    """The answer to the protocol request: who we are and what we can do."""
    fdo = bytes(9) + struct.pack(">H", _AL16UTF16)
    compile_caps = bytearray(_COMPILE_CAPS_SIZE)
    compile_caps[7] = version
    runtime_caps = bytearray(_RUNTIME_CAPS_SIZE)
    runtime_caps[6] = 0x04  # bind values up to 32767 bytes stay inline
    return (
        bytes([1, 6, 0])
        + banner.encode()
        + b"\0"
        + struct.pack("<HBH", UTF8, 1, 0)
        + struct.pack(">H", len(fdo))
        + fdo
        + clr(bytes(compile_caps))
        + clr(bytes(runtime_caps))
    )


def data_types() -> bytes:
    return bytes([2, 0, 0])


def parameters(pairs: Mapping[str, tuple[str, int]]) -> bytes:
    """PARAMETER: key -> (value, flags)."""
    body = b"".join(
        sized(key.encode()) + sized(value.encode()) + universal(flags)
        for key, (value, flags) in pairs.items()
    )
    return b"\x08" + universal(len(pairs)) + body


def status(*, in_transaction: bool) -> bytes:
    return b"\x09" + universal(2 if in_transaction else 0) + universal(0)


def describe(columns: Sequence[Column], version: int) -> bytes:
    row_size = sum(column.size for column in columns)
    return (
        b"\x10"
        + clr(None)
        + universal(row_size)
        + universal(len(columns))
        + (b"\x01" if columns else b"")
        + b"".join(_column(column, position, version) for position, column in enumerate(columns, 1))
        + bytes(1 + 4 + 1)  # date, four numbers, a two-length value
    )


def _column(column: Column, position: int, version: int) -> bytes:
    form = column.charset_form
    name = column.name.encode()
    return b"".join(
        [
            struct.pack("BBbb", column.type, 0, column.precision, column.scale),
            universal(column.size),
            bytes(1 + 1 + 1 + 1),  # array elements, flags, oid, version
            universal(_CHARSETS[form]),
            bytes([form]),
            universal(column.characters),
            b"\0" if version >= 8 else b"",
            bytes([column.nullable, min(len(name), 255)]),
            sized(name),
            bytes(1 + 1),  # schema, type name
            universal(position),
            b"\0",
            bytes(2) if version >= 17 else b"",  # domain
            b"\0" if version >= 20 else b"",  # annotations
            bytes(3) if version >= 24 else b"",  # vector
        ]
    )


def bit_vector(sent: Sequence[bool]) -> bytes:
    """Which columns the next row holds; the others repeat the row before."""
    bits = sum(1 << position for position, is_sent in enumerate(sent) if is_sent)
    return b"\x15" + universal(sum(sent)) + bits.to_bytes((len(sent) + 7) // 8, "little")


def out_binds(values: Sequence[bytes | None]) -> bytes:
    """I/O VECTOR and one row: the values of a PL/SQL block's binds, all of them OUT."""
    count, directions = len(values), bytes([16] * len(values))
    vector = b"\x0b\0" + universal(count % 256) + universal(count // 256) + bytes(1 + 1 + 1 + 1)
    return vector + directions + ROW + b"".join(clr(value) + universal(0) for value in values)


def completion(
    version: int,
    *,
    cursor_id: int = 0,
    rows: int = 0,
    error: OraError | None = None,
    in_transaction: bool = False,
) -> bytes:
    """ERROR, which also says that all went well."""
    code = error.code if error else 0
    return b"".join(
        [
            b"\x04",
            universal(2 if in_transaction else 0),
            b"\0",
            universal(rows),
            universal(code & 0xFFFF),
            bytes(1 + 1),
            universal(cursor_id),
            bytes(1 + 5 + 1),  # error position, five bytes, warning flags
            bytes(1 + 1 + 1 + 1 + 1),  # rowid
            bytes(1 + 1 + 1 + 1 + 1 + 1),
            bytes(1 + 1 + 1),  # batch errors
            universal(code),
            universal(rows),
            bytes(2) if version >= 14 else b"",
            clr(f"{error}\n".encode()) if error else b"",
        ]
    )
