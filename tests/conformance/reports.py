"""What a client says of its steps."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.clients import Client
from conformance.source import FETCH_SIZES
from oracle_standin import OracleStandin
from support.project import PROJECT

_SECONDS = 90


@dataclass(frozen=True)
class Report:
    """The lines that a client's program printed, in a file: a report has megabytes of numbers."""

    client: Client
    file: Path
    end: str

    def answer(self, step: str) -> Any:
        """What the client read; skips where it cannot take the step, and fails as it did."""
        outcome = self._outcome(step)
        reason = self.client.unsupported.get(step)
        if reason and "answer" not in outcome:
            pytest.skip(f"{self.client} cannot {step}: {reason}")
        if reason:
            pytest.fail(f"{self.client} can {step} after all")
        if "answer" not in outcome:
            pytest.fail(outcome.get("failure", f"did not come to it: {self.end}"), pytrace=False)
        return outcome["answer"]

    def _outcome(self, step: str) -> dict[str, Any]:
        beginning = re.compile(rf'{{"step": ?"{step}"')
        with self.file.open() as lines:
            line = next(filter(beginning.match, lines), "{}")
        outcome: dict[str, Any] = json.loads(line)
        return outcome


def take_steps(client: Client, server: OracleStandin, folder: Path) -> Report:
    """Run the client's program against the server; one that hangs is killed."""
    login = {
        name: getattr(server, name) for name in ("host", "port", "service_name", "user", "password")
    }
    arguments = [*client.command, json.dumps({**login, "fetch_sizes": FETCH_SIZES})]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT / "tests"), "TZ": "UTC"}
    file, errors = folder / "report", folder / "errors"
    with file.open("w") as output, errors.open("w") as error_output:
        try:
            done = subprocess.run(
                arguments,
                stdout=output,
                stderr=error_output,
                env=environment,
                timeout=_SECONDS,
                check=False,
            )
            end = f"exit code {done.returncode}"
        except subprocess.TimeoutExpired:
            end = f"killed after {_SECONDS} s"
    return Report(client, file, f"{end}\n{errors.read_text()[-2000:]}")
