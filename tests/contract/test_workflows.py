"""The workflows call `make` alone, with no right that they do not need, and end in time."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from support.project import PROJECT

FILES = sorted((PROJECT / ".github/workflows").glob("*.yml"))
WORKFLOWS = {file.stem: yaml.safe_load(file.read_text()) for file in FILES}
JOBS = [
    pytest.param(job, id=f"{workflow}-{name}")
    for workflow, found in WORKFLOWS.items()
    for name, job in found["jobs"].items()
]
COMMAND = re.compile(r"(?:sudo )?make ([a-z-]+|\$\{TARGET\})( [A-Z_]+=\S+)*( >> \S+)?")


def test_there_are_three() -> None:
    assert set(WORKFLOWS) == {"ci", "oracle", "release"}


@pytest.mark.parametrize("job", JOBS)
def test_every_command_is_a_target_of_make(job: dict[str, Any]) -> None:
    commands = [step["run"] for step in job["steps"] if "run" in step]

    assert commands
    for command in commands:
        found = COMMAND.fullmatch(command)
        assert found, command
        for target in _targets(found[1], job):
            make = ["make", "--dry-run", target]
            done = subprocess.run(make, cwd=PROJECT, check=False, capture_output=True)
            assert b"No rule to make target" not in done.stderr, target


def _targets(name: str, job: dict[str, Any]) -> list[str]:
    if not name.startswith("$"):
        return [name]
    return [target.split()[0] for target in job["strategy"]["matrix"]["target"]]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_reads_only_and_ends_in_time(job: dict[str, Any]) -> None:
    assert job["permissions"] == {"contents": "read"}
    assert job["timeout-minutes"] <= 90


def test_a_workflow_has_no_rights_of_its_own_and_runs_once_at_a_time() -> None:
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {}
        assert "github.ref" in workflow["concurrency"]["group"]


def test_every_action_is_pinned_by_commit_with_its_version() -> None:
    for file in FILES:
        for used in re.findall(r"uses: (.*)", file.read_text()):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used
