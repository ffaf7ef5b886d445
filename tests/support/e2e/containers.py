"""The image and its containers, by the Docker client and the project's own Makefile."""

import json
import os
import subprocess
import tomllib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.command import Job
from support.project import PROJECT

DOCKER = os.environ.get("DOCKER", "docker")
MAKE = os.environ.get("MAKE", "make")
IMAGE = "etl-sales-target"
VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
UID = 10001

# All that a pod of the chart is denied. Only the network is the host's: the databases of the tests
# listen on its loopback and nowhere else.
HARDENED = (
    "--network=host",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)

# What a `make` around the tests would hand on to the one in them.
_MAKE_VARIABLES = {"MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "TARGET"}

_OF_THE_TESTS = "etl-sales-target.made-by=tests"
_BUILD_TIMEOUT_SECONDS = 900
_TIMEOUT_SECONDS = 120


def docker(*arguments: str, stdin: str | None = None, check: bool = True) -> str:
    """What `docker` prints; raises AssertionError with what it says where it fails."""
    done = subprocess.run(
        [DOCKER, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=_BUILD_TIMEOUT_SECONDS,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def engine_error() -> str | None:
    """Why no Docker engine can be used; None where one can."""
    try:
        done = subprocess.run(
            [DOCKER, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except FileNotFoundError:
        return f"there is no command {DOCKER}"
    return None if done.returncode == 0 else done.stderr.strip()


def make_image(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`make image` in a folder: the project's, or a copy of it; what it printed is in `stderr`."""
    return subprocess.run(
        [MAKE, "image", *(f"{name}={value}" for name, value in variables.items())],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in _MAKE_VARIABLES},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=_BUILD_TIMEOUT_SECONDS,
    )


def derive(image: str, *commands: str) -> str:
    """The image with these commands run by root in it; returns its id."""
    steps = "\n".join(f"RUN {command}" for command in commands)
    dockerfile = f"FROM {image}\nUSER root\n{steps}\nUSER {UID}:{UID}\n"
    return docker("build", "--quiet", f"--label={_OF_THE_TESTS}", "-", stdin=dockerfile)


def remove_derived() -> None:
    """All that `derive` made."""
    docker("image", "prune", "--force", f"--filter=label={_OF_THE_TESTS}")


def inspect(name: str) -> dict[str, Any]:
    """What the engine knows of an image or a container."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", name))
    return found[0]


@dataclass
class ContainerJob(Job):
    """The job by `docker run`, its environment handed on by name: no value in a process list."""

    is_cold: bool = field(default=True, kw_only=True)
    image: str = ""
    options: Sequence[str] = HARDENED
    names: list[str] = field(default_factory=list)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """The last of `names` is the container."""
        variables = self.environ | environ
        self.names.append(f"etl-sales-target-{uuid.uuid4().hex[:12]}")
        return subprocess.Popen(
            [
                DOCKER,
                "run",
                f"--name={self.names[-1]}",
                *self.options,
                *(f"--env={name}" for name in variables if name != "PATH"),
                self.image,
                *arguments,
            ],
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def with_options(self, *options: str) -> "ContainerJob":
        """The same with more options of `docker run`."""
        return ContainerJob(self.environ, self.image, [*self.options, *options], self.names)

    def with_image(self, image: str) -> "ContainerJob":
        """The same in another image."""
        return ContainerJob(self.environ, image, self.options, self.names)

    def remove(self) -> None:
        """All containers that it made."""
        if self.names:
            docker("rm", "--force", "--volumes", *self.names, check=False)
