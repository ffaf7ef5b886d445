"""The job as its users run it: a process, its environment, its exit code, its log."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

_TIMEOUT_SECONDS = 60

# A line of the log.
Event = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """A finished command. `events` are its log lines, `failure` the last one."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[Event]:
        return [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{")]

    @property
    def failure(self) -> Event:
        assert self.events[-1]["event"] == "run_failed", self.stderr
        return self.events[-1]

    def event(self, name: str) -> Event:
        """The one log line of this event."""
        return next(event for event in self.events if event["event"] == name)


@dataclass
class Job:
    """The command `etl-sales-target` with an environment. Calling it runs it to its end."""

    environ: dict[str, str]
    prefix: Sequence[str] = field(default=(), kw_only=True)

    def through(self, *command: str) -> "Job":
        """The same job, run by a command that then becomes it."""
        return replace(self, prefix=command)

    def __call__(self, *arguments: str, **environ: str) -> Result:
        process = self.start(*arguments, **environ)
        stdout, stderr = process.communicate(timeout=_TIMEOUT_SECONDS)
        return Result(process.returncode, stdout, stderr)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """The same, but returns at once."""
        return subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "etl_sales_target", *arguments],
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def verdicts(result: Result) -> dict[str, tuple[str, str]]:
    """What `check` printed: each line's subject with its verdict and its message."""
    found = {}
    for line in result.stdout.splitlines():
        verdict, rest = line.split(maxsplit=1)
        subject, message = rest.split(": ", maxsplit=1)
        found[subject] = (verdict, message)
    return found
