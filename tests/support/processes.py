"""The command as a process that can be signalled: forked with its modules loaded, or started cold.

It is forked from a server that has imported the job: a real process in all that matters here, that
starts in a twentieth of the time, so that a test can afford hundreds.
"""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.project import PROJECT
from support.result import Result

_LONGEST_SECONDS = 120
_TESTS, _JOB = PROJECT / "tests", PROJECT / "job"

# What makes `make coverage` measure a command that is started afresh; nothing otherwise.
MEASURED = {name: value for name, value in os.environ.items() if name == "COVERAGE_PROCESS_CONFIG"}

# Address space, of which threads and libraries reserve far more than they use.
MEMORY_BYTES = 1 << 30
_LIMIT_AND_START = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, [{MEMORY_BYTES}] * 2)
os.execv(sys.argv[1], sys.argv[1:])
"""
# The prefix of a process whose memory is limited.
LIMITED = (sys.executable, "-c", _LIMIT_AND_START)


class HangingError(AssertionError):
    """The command did not end in time."""


class Process:
    """A running command, in an empty folder of its own."""

    def __init__(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        *,
        cold: bool = False,
        prefix: Sequence[str] = (),
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="etl-fault-")
        self._folder = Path(self._temporary.name)
        self._work = self._folder / "work"
        self._work.mkdir()
        work = str(self._work)
        environ = {**environ, "TMPDIR": work, "HOME": work, "PYTHONPATH": str(_JOB), **MEASURED}
        self.started = time.monotonic()
        self.seconds = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        if cold or prefix:
            self._child = self._start(
                [*prefix, sys.executable, "-m", "etl_sales_target", *arguments], environ
            )
            self.pid = self._child.pid
        else:
            request = {"arguments": arguments, "environ": environ, "folder": str(self._folder)}
            self.pid = self._fork(request)

    def _start(self, command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        outputs = [(self._folder / name).open("wb") for name in ("stdout", "stderr")]
        with outputs[0], outputs[1]:
            return subprocess.Popen(
                command, env=environ, cwd=self._work, stdout=outputs[0], stderr=outputs[1]
            )

    def _fork(self, request: Mapping[str, object]) -> int:
        server = _server()
        assert server.stdin
        server.stdin.write(json.dumps(request).encode() + b"\n")
        server.stdin.flush()
        link = self._folder / "pid"
        while not link.is_symlink():
            assert server.poll() is None, "the fork server is gone"
            time.sleep(0.001)
        return int(link.readlink().name)

    def signal(self, number: signal.Signals) -> None:
        """Sends it, if the process is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def log(self) -> str:
        """What it has said so far."""
        return (self._folder / "stderr").read_text(errors="replace")

    def wait(self, seconds: float = _LONGEST_SECONDS) -> Result:
        """Its end; nothing but its output may be left in its folder."""
        deadline = time.monotonic() + seconds
        while (exit_code := self._exit_code()) is None:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                said = self.log()
                if self._child:
                    self._child.wait()
                self._temporary.cleanup()
                raise HangingError(f"still running after {seconds} s:\n{said}")
            time.sleep(0.002)
        self.seconds = time.monotonic() - self.started
        stdout = (self._folder / "stdout").read_text(errors="replace")
        result = Result(exit_code, stdout, self.log())
        left = [path for path in self._work.rglob("*") if path.is_file()]
        assert left == [], f"files left: {left}"
        self._temporary.cleanup()
        return result

    def _exit_code(self) -> int | None:
        if self._child:
            return self._child.poll()
        file = self._folder / "exit"
        return int(file.read_text()) if file.exists() else None


@functools.cache
def _server() -> subprocess.Popen[bytes]:
    # It ends when its standard input does: with this process.
    return subprocess.Popen(
        [sys.executable, "-m", "support.fork_server"],
        env={**os.environ, "PYTHONPATH": f"{_TESTS}:{_JOB}"},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
