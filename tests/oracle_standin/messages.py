"""The messages that a server answers with, as bytes.

Field names follow a client's reading of them (python-oracledb 26.1.0, `impl/thin/messages`); values
"recorded from 23ai" are what a real server of that version sent. `version` is the negotiated TTC
field version: later ones add fields.
"""

import datetime as dt
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from oracle_standin.codec import clr, encode_date, sized, universal
from oracle_standin.errors import OraError
from oracle_standin.generations import Generation, Terms

UTF8 = 873
_AL16UTF16 = 2000
_CHARSETS = (0, UTF8, _AL16UTF16)  # by form

# Recorded from 23ai, as is the order of fields in `accept`. With 0x08 in the second byte of flags
# a client does not begin to negotiate native network services.
_GLOBAL_SERVICE_OPTIONS = 0x0001
_BYTE_ORDER = b"\x01\x00"
_NATIVE_SERVICES_WANTED, _NATIVE_SERVICES_OFF = 0x49, 0x0A

# Recorded from 23ai for VARCHAR2 columns.
_TEXT_FLAGS, _TEXT_COLLATION = 0x80, 16382

NO_DATA_FOUND = OraError(1403)
END_OF_RESPONSE_MESSAGE = b"\x1d"
ROW = b"\x07"


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


def accept(version: int, sdu: int, flags: int) -> bytes:
    """ACCEPT's body, laid out as recorded from 23ai: 61 bytes with its header.

    Since protocol version 315 the sizes of packets are the 32-bit ones, and the 16-bit ones are 0.
    The last 16 bytes name the database: python-oracledb 1.4 takes a short cut to one that it knows,
    which is not implemented, so they are never the same.
    """
    size = 61
    return (
        struct.pack(">HH", version, _GLOBAL_SERVICE_OPTIONS)
        + bytes(2 + 2)  # 16-bit SDU and TDU
        + _BYTE_ORDER
        + struct.pack(">HH", 0, size)  # length and offset of connect data, of which there are none
        + bytes([_NATIVE_SERVICES_WANTED, _NATIVE_SERVICES_OFF])
        + bytes(8)
        + struct.pack(">II", sdu, sdu)  # SDU and TDU
        + b"\0"  # no compression
        + struct.pack(">I", flags)
        + secrets.token_bytes(16)
    )


def protocol(generation: Generation) -> bytes:
    """The answer to the protocol request: who we are and what we can do."""
    fdo = bytes(9) + struct.pack(">H", _AL16UTF16)
    return (
        bytes([1, 6, 0])
        + generation.banner.encode()
        + b"\0"
        + struct.pack("<HBH", UTF8, 1, 0)
        + struct.pack(">H", len(fdo))
        + fdo
        + clr(generation.compile_caps)
        + clr(generation.runtime_caps)
    )


def data_types(time_zone: bytes, types: bytes) -> bytes:
    """The answer to the data types request, which says again what the client said."""
    return b"\x02" + time_zone + types


def parameters(pairs: Mapping[str, tuple[str, int]]) -> bytes:
    """PARAMETER: key -> (value, flags)."""
    body = b"".join(
        sized(key.encode()) + sized(value.encode()) + universal(flags)
        for key, (value, flags) in pairs.items()
    )
    return b"\x08" + universal(len(pairs)) + body


@dataclass(frozen=True)
class CallEnd:
    """What the end of every response says of the call and of its session.

    `sequence` counts the session's calls; `call` is the number that the client gave this one.
    """

    sequence: int = 0
    call: int = 0
    in_transaction: bool = False

    @property
    def status(self) -> int:
        """Recorded from 23ai: 1. In a transaction a client looks for the next bit, too."""
        return 3 if self.in_transaction else 1


def token(number: int) -> bytes:
    """Which request of a pipeline the response is for."""
    return b"\x21" + universal(number)


def status(end: CallEnd) -> bytes:
    return b"\x09" + universal(end.status) + universal(end.sequence)


def execute_parameters(cursor_id: int) -> bytes:
    """RPA, which tells the cursor behind two words of an SCN: there are none here, so they are 0.

    Six numbers, then no text, no pairs and no registration, as recorded from 23ai.
    """
    return b"\x08" + universal(6) + bytes(2) + universal(cursor_id) + bytes(3 + 3)


def describe(columns: Sequence[Column], terms: Terms) -> bytes:
    """DESCRIBE; what is not about columns is as recorded from 23ai."""
    row_size = sum(column.size for column in columns)
    today = encode_date(f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}")
    return (
        b"\x10"
        + clr(secrets.token_bytes(16) + today)
        + universal(row_size)
        + universal(len(columns))
        + (b"\x82" if columns else b"")
        + b"".join(_column(column, position, terms) for position, column in enumerate(columns))
        + sized(today)
        + b"".join(map(universal, (1, 8168, 10, 10)))
        + b"\0"
    )


def _column(column: Column, position: int, terms: Terms) -> bytes:
    form = column.charset_form
    name = column.name.encode()
    scale = universal(column.scale) if terms.universal_scale else struct.pack("b", column.scale)
    return b"".join(
        [
            bytes([column.type, _TEXT_FLAGS if form else 0, column.precision]),
            scale,
            universal(column.size),
            bytes(1 + 1 + 1 + 1),  # array elements, flags, oid, version
            universal(_CHARSETS[form]),
            bytes([form]),
            universal(column.characters),
            universal(_TEXT_COLLATION if form else 0) if terms.column_version >= 8 else b"",
            bytes([column.nullable, min(len(name), 255)]),
            sized(name),
            bytes(1 + 1),  # schema, type name
            universal(position),
            b"\0",
            bytes(2) if terms.column_version >= 17 else b"",  # domain
            b"\0" if terms.column_version >= 20 else b"",  # annotations
            bytes(3) if terms.column_version >= 24 else b"",  # vector
        ]
    )


def row_header(columns: int, most: int) -> bytes:
    """ROW HEADER of an answer of up to `most` rows; 0x22 as recorded from 23ai."""
    numbers = (columns, 0, most, 0, 0)  # requests, iteration, iterations, buffer, bit vector
    return b"\x06\x22" + b"".join(map(universal, numbers)) + b"\0"


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
    end: CallEnd,
    *,
    cursor_id: int = 0,
    rows: int = 0,
    error: OraError | None = None,
    sql_type: int = 0,
) -> bytes:
    """ERROR, which also says that all went well."""
    code = error.code if error else 0
    iterations = 1 if sql_type and code in (0, NO_DATA_FOUND.code) else 0
    return b"".join(
        [
            b"\x04",
            universal(end.status),
            universal(end.sequence),
            universal(rows),
            universal(code & 0xFFFF),
            bytes(1 + 1),
            universal(cursor_id),
            universal(error.position if error else 0),
            bytes([sql_type, 0, 0, 0, 0, 0]),  # fatal, three of the cursor's, warning flags
            bytes(1 + 1 + 1 + 1 + 1),  # rowid
            bytes([0, 0, end.call & 0xFF, 0]),  # the system's error, statement, call, padding
            universal(iterations) + b"\0",  # iterations that succeeded, logical rowid
            bytes(1 + 1 + 1),  # batch errors
            universal(code),
            universal(rows),
            universal(sql_type) + b"\0" if version >= 14 else b"",
            clr(f"{error}\n".encode()) if error else b"",
        ]
    )
