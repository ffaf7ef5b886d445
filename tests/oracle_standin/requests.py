"""The requests that a client sends, parsed. None says how long it is: parsing finds its end."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, IntFlag

from oracle_standin.codec import decode_date, decode_double, decode_number
from oracle_standin.errors import OraError
from oracle_standin.generations import (
    ENDS_RESPONSES,
    FIELD_VERSION,
    LONG_TIME_ZONE,
    TIME_ZONE,
    TTC3,
    TTC4,
    TWO_BYTE_TYPES,
    Generation,
    Terms,
)
from oracle_standin.messages import OraType
from oracle_standin.packets import DisconnectedError, Reader

BindValue = Decimal | str | dt.datetime | float | bytes | None

_MAX_INLINE_BIND = 32767
_ARRAY_BIND = 0x40
_UTF16 = 2  # the character set form of NCHAR and NVARCHAR2
_PREFIXED_TEXT = 0x02  # in the flags of the data types request
_SB1, _UNIVERSAL = 27, 1  # a type of one byte with a sign, and one way to write numbers
_ERROR_SINCE_20, _COLUMN_SINCE_23 = 652, 663  # structures in the layout of these versions


class Function(IntEnum):
    REEXECUTE = 4
    FETCH = 5
    LOGOFF = 9
    COMMIT = 14
    ROLLBACK = 15
    REEXECUTE_AND_FETCH = 78
    EXECUTE = 94
    LOGIN_PHASE_TWO = 115
    LOGIN_PHASE_ONE = 118
    PING = 147
    PIPELINE_END = 200


class Piggyback(IntEnum):
    CLOSE_CURSORS = 105
    END_TO_END = 135
    SET_SCHEMA = 152
    PIPELINE_BEGIN = 199


class Option(IntFlag):
    PARSE = 0x01
    BIND = 0x08
    DEFINE = 0x10
    EXECUTE = 0x20
    FETCH = 0x40
    COMMIT = 0x100
    DESCRIBE = 0x20000
    BATCH_ERRORS = 0x80000


class PipelineMode(IntEnum):
    """What a failing request means for those behind it."""

    CONTINUE = 1
    ABORT = 2


@dataclass(frozen=True)
class BindType:
    """How a bind's values are written."""

    type: int
    flags: int
    size: int
    form: int

    def decode(self, data: bytes | None) -> BindValue:
        if data is None:
            return None
        match self.type:
            case OraType.NUMBER | OraType.BINARY_INTEGER:
                return decode_number(data)
            case OraType.VARCHAR2 | OraType.CHAR:
                return data.decode("utf-16-be" if self.form == _UTF16 else "utf-8")
            case OraType.DATE | OraType.TIMESTAMP | OraType.TIMESTAMP_TZ | OraType.TIMESTAMP_LTZ:
                return decode_date(data)
            case OraType.BINARY_DOUBLE:
                return decode_double(data)
            case OraType.RAW:
                return data
        raise OraError(932, f"inconsistent datatypes: bind of type {self.type}")


@dataclass
class Execute:
    """EXECUTE, or one of the two REEXECUTE, which have no SQL."""

    options: Option
    cursor_id: int
    sql: str | None = None
    prefetch: int = 0
    executions: int = 1
    bind_types: list[BindType] = field(default_factory=list)
    bind_rows: list[list[bytes | None]] = field(default_factory=list)


def read_execute(reader: Reader, version: int) -> Execute:
    options = Option(reader.universal())
    request = Execute(options, reader.universal())
    has_sql = reader.u8()
    size = reader.universal()
    reader.skip_u8(1)
    reader.skip_universal(1)
    reader.skip_u8(2)
    reader.skip_universal(1)
    request.prefetch = reader.universal()
    reader.skip_universal(1)
    reader.skip_u8(1)
    binds = reader.universal()
    reader.skip_u8(6)
    defines = reader.universal()
    _skip_registration(reader, version)
    if has_sql:
        request.sql = reader.text(size)
    numbers = [reader.universal() for _ in range(13)]
    is_query = numbers[7] == 1  # its second number is how many rows to fetch
    request.executions = 1 if is_query else numbers[1]
    if Option.DEFINE in options:
        _read_bind_types(reader, defines, version)
    elif binds:
        request.bind_types = _read_bind_types(reader, binds, version)
        request.bind_rows = _read_bind_rows(reader, request.bind_types, request.executions)
    return request


def _skip_registration(reader: Reader, version: int) -> None:
    """Registration id, object lists, DML row counts, and what later versions added."""
    for shape in ["nbbbnbnnbnb", *(["bnbnb"] if version >= 8 else []), *(["bn"] * (version >= 9))]:
        for kind in shape:
            reader.skip_u8(1) if kind == "b" else reader.skip_universal(1)


def _read_bind_types(reader: Reader, count: int, version: int) -> list[BindType]:
    return [_read_bind_type(reader, version) for _ in range(count)]


def _read_bind_type(reader: Reader, version: int) -> BindType:
    kind, flags = reader.u8(), reader.u8()
    reader.skip_u8(2)
    size = reader.universal()
    reader.skip_universal(2)  # array elements, flags
    if reader.universal():  # the object type's identifier
        reader.clr()
    reader.skip_universal(2)  # version, character set
    form = reader.u8()
    reader.skip_universal(2 if version >= 8 else 1)
    return BindType(kind, flags, size, form)


def _read_bind_rows(
    reader: Reader, types: Sequence[BindType], count: int
) -> list[list[bytes | None]]:
    return [_read_bind_row(reader, types) for _ in range(max(count, 1))]


def _read_bind_row(reader: Reader, types: Sequence[BindType]) -> list[bytes | None]:
    """Values in bind order; values too long to stay inline come behind the others."""
    reader.u8()
    row: list[bytes | None] = [None] * len(types)
    for is_long in (False, True):
        for position, bind in enumerate(types):
            if (bind.size > _MAX_INLINE_BIND) == is_long:
                if bind.flags & _ARRAY_BIND:
                    raise DisconnectedError("array binds are not understood")
                row[position] = reader.clr()
    return row


def read_reexecute(reader: Reader, types: Sequence[BindType], *, fetch: bool) -> Execute:
    """`types` are those of the cursor's first execution: `reader` stands behind its id."""
    count = reader.universal()
    reader.universal()
    commit = reader.universal() & 1
    options = Option.EXECUTE
    options |= Option.FETCH if fetch else Option(0)
    options |= Option.COMMIT if commit else Option(0)
    executions = 1 if fetch else count
    rows = _read_bind_rows(reader, types, executions) if types else []
    prefetch = count if fetch else 0
    return Execute(options, 0, None, prefetch, executions, list(types), rows)


@dataclass(frozen=True)
class Ahead:
    """What came ahead of a request: cursors to close, a schema to set, a pipeline that begins."""

    closed: Sequence[int] = ()
    schema: str | None = None
    pipeline: PipelineMode | None = None


def read_piggyback(reader: Reader, code: int) -> Ahead:
    if code == Piggyback.CLOSE_CURSORS:
        reader.u8()
        return Ahead(closed=[reader.universal() for _ in range(reader.universal())])
    if code == Piggyback.SET_SCHEMA:
        reader.u8()
        return Ahead(schema=reader.sized().decode())
    if code == Piggyback.END_TO_END:
        _skip_end_to_end(reader)
        return Ahead()
    if code == Piggyback.PIPELINE_BEGIN:
        reader.universal()
        reader.u8()
        return Ahead(pipeline=PipelineMode(reader.u8()))
    raise DisconnectedError(f"piggyback {code} is not understood")


def _skip_end_to_end(reader: Reader) -> None:
    """Client identifier, module, action, client info and five that the client never sets."""
    reader.skip_u8(2)
    reader.universal()
    lengths = []
    for _ in range(9):
        reader.u8()
        lengths.append(reader.universal())
    for _ in filter(None, lengths):
        reader.clr()


def read_login(reader: Reader) -> tuple[str, dict[str, str]]:
    """The user and the key/value pairs of either login phase, behind the function header."""
    has_user = reader.u8()
    size = reader.universal()
    reader.universal()
    reader.u8()
    count = reader.universal()
    reader.skip_u8(2)
    user = reader.text(size) if has_user else ""
    pairs = {}
    for _ in range(count):
        key = reader.sized().decode()
        pairs[key] = reader.sized().decode()
        reader.universal()
    return user, pairs


def skip_protocol(reader: Reader) -> None:
    """The protocol request, behind its message type."""
    reader.until_zero()
    reader.until_zero()


@dataclass(frozen=True)
class DataTypes:
    """How a client writes what it sends and wants what it gets.

    `time_zone` and `types` are the bytes as they came; `representations` are by number of type.
    """

    flags: int
    compile_caps: bytes
    time_zone: bytes
    types: bytes
    representations: Mapping[int, int]

    def terms(self, generation: Generation) -> Terms:
        """What holds from here on between this client and a server of this generation."""
        version = min(self.compile_caps[FIELD_VERSION], generation.field_version)
        wants_ends = bool(self.compile_caps[TTC4] & ENDS_RESPONSES)
        return Terms(
            version=version,
            error_version=version if _ERROR_SINCE_20 in self.representations else min(version, 13),
            column_version=version
            if _COLUMN_SINCE_23 in self.representations
            else min(version, 16),
            universal_scale=self.representations.get(_SB1) == _UNIVERSAL,
            prefixed_text=bool(self.flags & _PREFIXED_TEXT),
            ends_responses=generation.ends_responses and wants_ends,
        )


def read_data_types(reader: Reader) -> DataTypes:
    """The data types request, behind its message type."""
    reader.raw(2 + 2)  # character sets
    flags = reader.u8()
    compile_caps = (reader.clr() or b"").ljust(TTC4 + 1, b"\0")
    runtime_caps = (reader.clr() or b"").ljust(TIME_ZONE + 1, b"\0")
    time_zone = b""
    if runtime_caps[TIME_ZONE] & 1:
        time_zone = reader.raw(11 + (4 if compile_caps[TTC3] & LONG_TIME_ZONE else 0))
        reader.raw(2)  # national character set
    width = 2 if compile_caps[TWO_BYTE_TYPES] else 1
    types, representations = _read_types(reader, width)
    return DataTypes(flags, compile_caps, time_zone, types, representations)


def _read_types(reader: Reader, width: int) -> tuple[bytes, dict[int, int]]:
    """Types, each with the one that it is converted to and, unless that is 0, how it is written."""
    entries, representations = [], {}
    while any(kind := reader.raw(width)):
        entry = kind + reader.raw(width)
        if any(entry[width:]):
            entry += reader.raw(2 * width)
            representations[int.from_bytes(kind, "big")] = int.from_bytes(
                entry[2 * width : 3 * width], "big"
            )
        entries.append(entry)
    return b"".join([*entries, kind]), representations
