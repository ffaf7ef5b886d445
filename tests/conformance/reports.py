"""What a client says of its steps."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from conformance.clients import Client
from conformance.source import FETCH_SIZES
from oracle_standin import OracleStandin
from support.project import PROJECT

_SECONDS = 90


@dataclass(frozen=True)
class Report:
    client: Client
    outcomes: dict[str, dict[str, Any]]
    end: str

    def answer(self, step: str) -> Any:
        """What the client read; skips where it cannot take the step, and fails as it did."""
        outcome = self.outcomes.get(step, {})
        reason = self.client.unsupported.get(step)
        if reason and "answer" not in outcome:
            pytest.skip(f"{self.client} cannot {step}: {reason}")
        if reason:
            pytest.fail(f"{self.client} can {step} after all")
        if "answer" not in outcome:
            pytest.fail(outcome.get("failure", f"did not come to it: {self.end}"), pytrace=False)
        return outcome["answer"]


def take_steps(client: Client, server: OracleStandin) -> Report:
    """Run the client's program against the server; one that hangs is killed."""
    login = {
        name: getattr(server, name) for name in ("host", "port", "service_name", "user", "password")
    }
    process = subprocess.Popen(
        [*client.command, json.dumps({**login, "fetch_sizes": FETCH_SIZES})],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT / "tests"), "TZ": "UTC"},
    )
    try:
        output, errors = process.communicate(timeout=_SECONDS)
        end = f"exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        end = f"killed after {_SECONDS} s"
    outcomes = map(json.loads, output.splitlines())
    return Report(client, {one["step"]: one for one in outcomes}, f"{end}\n{errors[-2000:]}")
