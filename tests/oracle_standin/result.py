"""An answer in the making: rows come from PostgreSQL in blocks, and leave in fetches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from oracle_standin.errors import OraError
from oracle_standin.rows import Block, RowEncoder

_BLOCK_ROWS = 5000

Rows = Sequence[Sequence[str | None]]


class Result:
    """Rows in order, each taken once. `pull` gives the next block, or None after the last."""

    def __init__(self, pull: Callable[[], Block | None], close: Callable[[], None]) -> None:
        self._pull = pull
        self._close = close
        self._block: Block | None = None
        self._position = 0
        self.sent = 0

    def take(self, most: int) -> tuple[int, bytes]:
        """Up to `most` rows: how many, and their messages. Fewer: that was all."""
        pieces, taken = [], 0
        while taken < most:
            if self._block is None or self._position == len(self._block):
                self._block, self._position = self._pull(), 0
                if self._block is None:
                    break
            stop = min(self._position + most - taken, len(self._block))
            pieces.append(self._block.cut(self._position, stop))
            taken += stop - self._position
            self._position = stop
        self.sent += taken
        return taken, b"".join(pieces)

    def close(self) -> None:
        """Drop what is left."""
        self._close()
        self._block = None
        self._pull = _closed


def from_cache(blocks: Sequence[Block]) -> Result:
    """An answer that was encoded before."""
    remaining = iter(blocks)
    return Result(lambda: next(remaining, None), lambda: None)


@dataclass
class Stream:
    """An answer from PostgreSQL; `keep` gets all its blocks unless they exceed `capacity`."""

    encoder: RowEncoder
    fetch: Callable[[int], Rows]
    close: Callable[[], None]
    keep: Callable[[Sequence[Block]], None]
    capacity: int
    _kept: list[Block] = field(default_factory=list)
    _ended: bool = False

    def pull(self) -> Block | None:
        if self._ended:
            return None
        rows = self.fetch(_BLOCK_ROWS)
        block = self.encoder.encode(rows) if rows else None
        if block:
            self._remember(block)
        if len(rows) < _BLOCK_ROWS:
            self._end()
        return block

    def _remember(self, block: Block) -> None:
        self.capacity -= block.size
        if self.capacity >= 0:
            self._kept.append(block)
        else:
            self._kept.clear()

    def _end(self) -> None:
        self._ended = True
        self.close()
        if self.capacity >= 0:
            self.keep(tuple(self._kept))


def _closed() -> Block | None:
    raise OraError(1002)
