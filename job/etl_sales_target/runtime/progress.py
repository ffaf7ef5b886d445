"""Progress of a copy: a bar on a terminal, else a log line now and then."""

import shutil
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from etl_sales_target.runtime import logs

if TYPE_CHECKING:
    from tqdm import tqdm

log = structlog.get_logger()

# Few enough that a log of an hour stays readable, many enough to see that it moves.
_LOG_EVERY_SECONDS = 10.0

B = TypeVar("B", bound=Sized)


def track(batches: Iterable[B], *, total_rows: int) -> Iterator[B]:
    """The same batches, with the progress towards `total_rows` shown as they are taken."""
    progress = _Progress(total_rows)
    try:
        for batch in batches:
            yield batch
            # Asked for the next one: this one was sent.
            progress.add(len(batch))
    finally:
        progress.close()
    progress.log("copy_finished")


class _Progress:
    def __init__(self, total: int) -> None:
        self._total = total
        self._rows = 0
        self._start = self._logged = time.monotonic()
        self._bar = _bar(total) if logs.shows_bars() else None

    def add(self, rows: int) -> None:
        self._rows += rows
        if self._bar is not None:
            self._bar.update(rows)
        elif time.monotonic() - self._logged >= _LOG_EVERY_SECONDS:
            self.log("copy_progress")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def log(self, event: str) -> None:
        self._logged = time.monotonic()
        seconds = self._logged - self._start
        rate = self._rows / seconds if seconds else 0
        log.info(
            event,
            rows=self._rows,
            rows_total=self._total,
            rows_per_second=round(rate),
            seconds_left=round((self._total - self._rows) / rate) if rate else None,
        )


def _bar(total: int) -> "tqdm[Any]":
    from tqdm import tqdm  # noqa: PLC0415 - a pod, which has no terminal, need not load it

    # A terminal without a size, as a container's may be, is taken for a usual one.
    columns, lines = shutil.get_terminal_size()
    return tqdm(
        total=total, ncols=columns, nrows=lines,
        unit=" rows", unit_scale=True, desc="copy", leave=False,
    )  # fmt: skip
