"""What a finished command leaves: its exit code, its output, its log."""

import json
from dataclasses import dataclass
from typing import Any

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
