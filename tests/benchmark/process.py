"""A child process, run to its end, and what it took."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHOWN_OUTPUT = 3000


@dataclass(frozen=True)
class Usage:
    """From start to exit: wall clock and CPU (user and system) in seconds, peak memory in bytes.

    `said` is the JSON object on the last line of its output, if it wrote one.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    said: Mapping[str, Any]


class ChildFailedError(Exception):
    """A child did not end as it should; the text holds the end of its output."""


def run(command: Sequence[str], environ: Mapping[str, str], *, exit_code: int = 0) -> Usage:
    """Run a command; its own children count too, once it has waited for them.

    Raises ChildFailedError where it ends with another exit code.

    Linux counts the memory of whoever starts a child among the child's: keep this process small.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        child = subprocess.Popen(
            command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            raise
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        lines = output.read().decode(errors="replace")
    if child.returncode != exit_code:
        raise ChildFailedError(
            f"{command} ended with {child.returncode}:\n{lines[-_SHOWN_OUTPUT:]}"
        )
    return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, _said(lines))


def _said(lines: str) -> Mapping[str, Any]:
    last = lines.rstrip().rpartition("\n")[2]
    return json.loads(last) if last.startswith("{") else {}
