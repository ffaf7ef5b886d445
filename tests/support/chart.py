"""The chart as Helm renders it."""

import json
import os
import shutil
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.project import PROJECT

CHART = PROJECT / "helm" / "etl-sales-target"
RELEASE = "etl-sales-target"
NAMESPACE = "etl"

ORACLE_URI = "oracle://reader:Tiger-of-the-source@oracle.example:1521/EBS"
POSTGRES_URI = "postgres://writer:Lion-of-the-target@postgres.example:5432/warehouse"
CONNECTIONS = {"oracle": ORACLE_URI, "postgres": POSTGRES_URI}

# The environment of the project has Helm for Linux on x86-64; elsewhere, the machine's own.
HELM = shutil.which(
    "helm", path=os.pathsep.join([str(PROJECT / ".venv" / "bin"), os.environ.get("PATH", "")])
)

needs_helm = pytest.mark.skipif(HELM is None, reason="needs the command helm, version 3")


class HelmError(Exception):
    """What Helm wrote to stderr."""


@dataclass(frozen=True)
class Manifests:
    """All objects of a release, and the notes."""

    objects: list[dict[str, Any]]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [found for found in self.objects if found["kind"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        """The only object of this kind."""
        [found] = self.all(kind)
        return found

    @property
    def pod(self) -> dict[str, Any]:
        """The pod that the PodTemplate describes: metadata and spec."""
        template: dict[str, Any] = self.one("PodTemplate")["template"]
        return template

    @property
    def container(self) -> dict[str, Any]:
        container: dict[str, Any]
        [container] = self.pod["spec"]["containers"]
        return container


def helm(*arguments: str, values: Mapping[str, Any] | None = None) -> str:
    """What `helm` prints; the values go through stdin. Raises HelmError where it fails."""
    done = subprocess.run(
        [str(HELM), *arguments, *(["--values", "-"] if values is not None else [])],
        # YAML does not know the pairs by which JSON escapes what is beyond 16 bits.
        input=None if values is None else json.dumps(values, ensure_ascii=False),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise HelmError(done.stderr)
    return done.stdout


def render(
    values: Mapping[str, Any] | None = None,
    *options: str,
    release: str = RELEASE,
    chart: Path = CHART,
) -> Manifests:
    """The chart's objects under these values; the two connections are given unless they are."""
    printed = helm(
        "template", release, str(chart), "--namespace", NAMESPACE, *options,
        values={"connections": CONNECTIONS, **(values or {})},
    )  # fmt: skip
    return Manifests([found for found in yaml.safe_load_all(printed) if found])


def render_notes(folder: Path, values: Mapping[str, Any] | None = None) -> str:
    """What `helm install` says at its end. Without a cluster only objects can be rendered."""
    chart = shutil.copytree(CHART, folder / "chart")
    notes = chart / "templates" / "NOTES.txt"
    text = textwrap.indent(notes.read_text(), "  ")
    (chart / "templates" / "notes.yaml").write_text(f"kind: Notes\ntext: |\n  NOTES:\n{text}")
    return str(render(values, chart=chart).one("Notes")["text"])
