"""A query's rows as the bytes of ROW messages, in blocks that any size of fetch is cut from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter, ne

import numpy as np
import numpy.typing as npt

from oracle_standin.codec import (
    NULL,
    clr,
    encode_date,
    encode_double,
    encode_float,
    encode_national_text,
    encode_timestamp,
    encode_timestamp_tz,
)
from oracle_standin.errors import OraError
from oracle_standin.messages import ROW, Column, OraType, bit_vector
from oracle_standin.vectors import Flags, Ragged, Texts, each, interleaved, numbers, ragged, texts

Encoder = Callable[[str], bytes]
ColumnEncoder = Callable[[Texts], Ragged]
_NOTHING = object()
_REMEMBERED_VALUES = 1000


@dataclass(frozen=True)
class Block:
    """`offsets[i]` is where row i begins in `data`; one more says where the last ends."""

    data: bytes
    offsets: npt.NDArray[np.uint32]

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


class _ByValue:
    """Remembers what it encoded, until a column turns out to repeat little."""

    def __init__(self, encode: Encoder) -> None:
        self._encode = encode
        self._encoded = _Encoded(encode)
        self._seen = 0

    def __call__(self, column: Texts) -> Ragged:
        self._seen += len(column)
        if len(self._encoded) > max(_REMEMBERED_VALUES, self._seen // 2):
            return each(self._encode, column)
        return ragged(list(map(self._encoded.__getitem__, column)))


_AT_ONCE: Mapping[OraType, ColumnEncoder] = {
    OraType.NUMBER: numbers,
    OraType.VARCHAR2: texts,
    OraType.CHAR: texts,
}
_BY_VALUE: Mapping[OraType, Encoder] = {
    OraType.DATE: encode_date,
    OraType.TIMESTAMP: encode_timestamp,
    OraType.TIMESTAMP_TZ: encode_timestamp_tz,
    OraType.TIMESTAMP_LTZ: encode_timestamp,
    OraType.BINARY_FLOAT: lambda text: encode_float(float(text)),
    OraType.BINARY_DOUBLE: lambda text: encode_double(float(text)),
    OraType.RAW: lambda text: bytes.fromhex(text[2:]),
}


def _encoder(column: Column) -> ColumnEncoder:
    encode = encode_national_text if column.national else _BY_VALUE.get(column.type)
    if column.type in _AT_ONCE and not column.national:
        return _AT_ONCE[column.type]
    if encode is None or column.type == OraType.CLOB:
        what = f"{column.type.name} in {column.name}"
        raise OraError(3001, f"unimplemented feature: the stand-in only describes {what}")
    return _ByValue(lambda text: clr(encode(text)))


class RowEncoder:
    """Rows of texts, as PostgreSQL prints values, to blocks.

    With `duplicate_columns` a row leaves out what it shares with the row before, as real servers
    do, so the blocks of a result make sense in their order only.
    """

    def __init__(self, columns: Sequence[Column], *, duplicate_columns: bool = False) -> None:
        self._columns = columns
        self._duplicate_columns = duplicate_columns
        self._previous: Sequence[str | None] | None = None
        self._head_of = _Heads(len(columns))

    @cached_property
    def _encoders(self) -> Sequence[ColumnEncoder]:
        """For the first row: an answer without rows may have columns that are only described."""
        return [_encoder(column) for column in self._columns]

    def encode(self, rows: Sequence[Sequence[str | None]]) -> Block:
        """At least one row; a column at a time."""
        by_column = [list(map(itemgetter(i), rows)) for i in range(len(self._columns))]
        sent = np.ones((len(rows), 1 + len(by_column)), np.bool_)
        if self._duplicate_columns:
            for position, column in enumerate(by_column):
                sent[:, 1 + position] = self._differs(position, column)
            self._previous = rows[-1]
        values = [encode(column) for encode, column in zip(self._encoders, by_column, strict=True)]
        data, ends = interleaved([self._heads(sent[:, 1:]), *values], sent)
        return Block(data, np.concatenate(([0], ends)).astype(np.uint32))

    def _differs(self, position: int, column: Texts) -> Flags:
        """From the value in the row before; before the first of all stands nothing like it."""
        before = self._previous[position] if self._previous else _NOTHING
        return np.fromiter(map(ne, column, chain([before], column)), np.bool_, len(column))

    def _heads(self, sent: Flags) -> Ragged:
        """What stands before the values of each row."""
        if sent.all():
            return ragged([ROW] * len(sent))
        bits = np.packbits(sent, axis=1, bitorder="little")
        patterns = bits.view(f"V{bits.shape[1]}").ravel().tolist()
        return ragged([self._head_of[pattern] for pattern in patterns])


class _Heads(dict[bytes, bytes]):
    """Which columns a row holds, as bits -> what stands before them."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self._columns = columns

    def __missing__(self, bits: bytes) -> bytes:
        flags = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
        sent = flags[: self._columns].astype(bool).tolist()
        self[bits] = head = ROW if all(sent) else bit_vector(sent) + ROW
        return head
