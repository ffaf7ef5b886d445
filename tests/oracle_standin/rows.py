"""A query's rows as the bytes of ROW messages, in blocks that any size of fetch is cut from."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, compress
from operator import ne

from oracle_standin.codec import (
    NULL,
    clr,
    encode_date,
    encode_double,
    encode_float,
    encode_national_text,
    encode_text,
    encode_timestamp,
    encode_timestamp_tz,
    number_clr,
)
from oracle_standin.errors import OraError
from oracle_standin.messages import ROW, Column, OraType, bit_vector

Encoder = Callable[[str], bytes]
_REMEMBERED_VALUES = 1000


@dataclass(frozen=True)
class Block:
    """`offsets[i]` is where row i begins in `data`; one more says where the last ends."""

    data: bytes
    offsets: Sequence[int]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def cut(self, start: int, stop: int) -> bytes:
        return self.data[self.offsets[start] : self.offsets[stop]]

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.data) + 4 * len(self.offsets)


class _Encoded(dict[str | None, bytes]):
    """The text of a value -> its CLR, each encoded once; None -> NULL."""

    def __init__(self, encode: Encoder) -> None:
        super().__init__({None: NULL})
        self._encode = encode

    def __missing__(self, text: str) -> bytes:
        self[text] = encoded = self._encode(text)
        return encoded


class _ColumnEncoder:
    """Remembers what it encoded, until a column turns out to repeat little."""

    def __init__(self, encode: Encoder) -> None:
        self._encode = encode
        self._encoded = _Encoded(encode)
        self._seen = 0

    def encode(self, column: Sequence[str | None]) -> Iterable[bytes]:
        self._seen += len(column)
        if len(self._encoded) > max(_REMEMBERED_VALUES, self._seen // 2):
            encode = self._encode
            return [NULL if text is None else encode(text) for text in column]
        return map(self._encoded.__getitem__, column)


_ENCODERS: dict[OraType, Encoder] = {
    OraType.NUMBER: number_clr,
    OraType.VARCHAR2: lambda text: clr(encode_text(text)),
    OraType.CHAR: lambda text: clr(encode_text(text)),
    OraType.DATE: lambda text: clr(encode_date(text)),
    OraType.TIMESTAMP: lambda text: clr(encode_timestamp(text)),
    OraType.TIMESTAMP_TZ: lambda text: clr(encode_timestamp_tz(text)),
    OraType.TIMESTAMP_LTZ: lambda text: clr(encode_timestamp(text)),
    OraType.BINARY_FLOAT: lambda text: clr(encode_float(float(text))),
    OraType.BINARY_DOUBLE: lambda text: clr(encode_double(float(text))),
    OraType.RAW: lambda text: clr(bytes.fromhex(text[2:])),
}


def _encoder(column: Column) -> Encoder:
    if column.type not in _ENCODERS:
        what = f"{column.type.name} in {column.name}"
        raise OraError(3001, f"unimplemented feature: the stand-in only describes {what}")
    if column.national:
        return lambda text: clr(encode_national_text(text))
    return _ENCODERS[column.type]


class RowEncoder:
    """Rows of texts, as PostgreSQL prints values, to blocks.

    With `duplicate_columns` a row leaves out what it shares with the row before, as real servers
    do, so the blocks of a result make sense in their order only.
    """

    def __init__(self, columns: Sequence[Column], *, duplicate_columns: bool = False) -> None:
        self._columns = columns
        self._duplicate_columns = duplicate_columns
        self._previous: tuple[bytes, ...] | None = None
        self._prefixes = _Prefixes()

    @cached_property
    def _encoders(self) -> Sequence[_ColumnEncoder]:
        """For the first row: an answer without rows may have columns that are only described."""
        return [_ColumnEncoder(_encoder(column)) for column in self._columns]

    def encode(self, rows: Sequence[Sequence[str | None]]) -> Block:
        """One pass a column: the loops run in C, Python sees just the values that are new."""
        by_column = zip(*rows, strict=True)
        encoded = [
            encoder.encode(column)
            for encoder, column in zip(self._encoders, by_column, strict=True)
        ]
        tuples = list(zip(*encoded, strict=True))
        messages = self._shortened(tuples) if self._duplicate_columns else _whole(tuples)
        return Block(b"".join(messages), array("I", accumulate(map(len, messages), initial=0)))

    def _shortened(self, rows: Sequence[tuple[bytes, ...]]) -> list[bytes]:
        # Before the first row of all stands one that shares nothing with it.
        previous = self._previous or (b"",) * len(rows[0])
        self._previous = rows[-1]
        pairs = zip(zip(*rows, strict=True), zip(previous, *rows[:-1], strict=True), strict=True)
        sent = zip(*(map(ne, column, before) for column, before in pairs), strict=True)
        return [
            self._prefixes[is_sent] + b"".join(compress(row, is_sent))
            for row, is_sent in zip(rows, sent, strict=True)
        ]


class _Prefixes(dict[tuple[bool, ...], bytes]):
    """Which columns a row holds -> what stands before them."""

    def __missing__(self, sent: tuple[bool, ...]) -> bytes:
        self[sent] = prefix = ROW if all(sent) else bit_vector(sent) + ROW
        return prefix


def _whole(rows: Sequence[tuple[bytes, ...]]) -> list[bytes]:
    return [ROW + b"".join(row) for row in rows]
