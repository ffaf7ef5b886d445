"""Encoded answers, kept until newer ones need their room."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from oracle_standin.rows import Block

_CAPACITY_BYTES = 600_000_000


class Cache:
    """Least recently used first out; thread safe.

    A key must name all that an answer depends on: the SQL with its literals and the versions of
    the tables in the snapshot that reads them.
    """

    def __init__(self, capacity: int = _CAPACITY_BYTES) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, Sequence[Block]] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable) -> Sequence[Block] | None:
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key]

    def put(self, key: Hashable, blocks: Sequence[Block]) -> None:
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = blocks
            self._size += _size(blocks)
            while self._size > self.capacity:
                self._size -= _size(self._entries.popitem(last=False)[1])


def _size(blocks: Sequence[Block]) -> int:
    return sum(block.size for block in blocks)
