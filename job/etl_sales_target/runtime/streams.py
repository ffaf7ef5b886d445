"""The standard streams: what cannot be written there changes neither the run nor its exit code."""

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog

log = structlog.get_logger()

_STDOUT, _STDERR = 1, 2


def make_unfailing() -> None:
    """From now on writing to `sys.stdout` and `sys.stderr` raises nothing, even at Python's exit.

    Both are UTF-8, as JSON is, whatever the locale says.
    """
    _open_missing()
    sys.stdout = _text(_STDOUT, on_error=_warn)
    sys.stderr = _text(_STDERR, on_error=lambda _: None)


def _open_missing() -> None:
    """A closed one is /dev/null: else a database's socket would get its number, and its lines."""
    for number in range(_STDERR + 1):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It takes the lowest number that is free.


def _text(number: int, *, on_error: Callable[[OSError], None]) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_UnfailingFile(number, on_error)),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


def _warn(error: OSError) -> None:
    # A reader that has gone, as `head` does, has what it wanted.
    if error.errno != errno.EPIPE:
        log.warning("output_not_written", error=str(error.strerror))


class _UnfailingFile(io.FileIO):
    """What it cannot write is gone."""

    def __init__(self, number: int, on_error: Callable[[OSError], None]) -> None:
        super().__init__(number, "wb", closefd=False)
        self._on_error = on_error

    def write(self, data: Any) -> int:
        try:
            # None: a pipe that is full, and whose writer asked not to wait.
            return super().write(data) or len(data)
        except OSError as error:
            self._on_error(error)
            return len(data)
