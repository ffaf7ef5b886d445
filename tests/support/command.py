"""The job as its users run it: a process, its environment, its exit code, its log."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from support.processes import MEASURED, Process
from support.result import Result

_TIMEOUT_SECONDS = 60


@dataclass
class Job:
    """The command `etl-sales-target` with an environment. Calling it runs it to its end.

    `is_cold`: each time in a new Python, which has yet to load what the command needs.
    """

    environ: dict[str, str]
    prefix: Sequence[str] = field(default=(), kw_only=True)
    is_cold: bool = field(default=False, kw_only=True)

    def through(self, *command: str) -> "Job":
        """The same job, run by a command that then becomes it; with none, in a new Python."""
        return replace(self, prefix=command, is_cold=True)

    def loading(self, file: Path, *definitions: Mapping[str, Any]) -> "Job":
        """The same job with these table definitions, written to the file: JSON is YAML."""
        file.write_text(json.dumps({"tables": definitions}), encoding="utf-8")
        own_names = {"ETL_SOURCE_TABLE", "ETL_TARGET_TABLE"}
        environ = {name: each for name, each in self.environ.items() if name not in own_names}
        return replace(self, environ=environ | {"ETL_TABLES_FILE": str(file)})

    def __call__(self, *arguments: str, **environ: str) -> Result:
        if not self.is_cold:
            return Process(arguments, self.environ | environ).wait(_TIMEOUT_SECONDS)
        process = self.start(*arguments, **environ)
        stdout, stderr = process.communicate(timeout=_TIMEOUT_SECONDS)
        return Result(process.returncode, stdout, stderr)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """The same, but in a new Python, and returns at once."""
        return subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "etl_sales_target", *arguments],
            env=self.environ | environ | MEASURED,
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
