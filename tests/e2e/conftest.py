"""The image that users run, built anew and started as they start it: `make e2e`."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command import Job
from support.e2e import client_zip
from support.e2e.containers import (
    IMAGE,
    VERSION,
    ContainerJob,
    docker,
    engine_error,
    make_image,
    remove_derived,
)
from support.project import PROJECT


@pytest.fixture(scope="session", autouse=True)
def engine() -> Iterator[None]:
    """A Docker engine. Where DOCKER_HOST promises none, its absence skips the tests."""
    error = engine_error()
    if error and "DOCKER_HOST" in os.environ:
        pytest.fail(f"DOCKER_HOST is set, but no engine answers: {error}", pytrace=False)
    if error:
        pytest.skip(f"needs a Docker engine: {error}")
    yield
    remove_derived()


@pytest.fixture(scope="session")
def image() -> str:
    """The image without Oracle's client, by its tag; the engine has it."""
    made = make_image(PROJECT, TARGET="thin")
    assert made.returncode == 0, made.stderr
    return f"{IMAGE}:{VERSION}-thin"


@pytest.fixture(scope="session")
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the image is built from, for tests that add to it."""
    folder = tmp_path_factory.mktemp("build") / "project"
    folder.mkdir()
    for name in ("docker", "job", "requirements"):
        ignored = shutil.ignore_patterns("__pycache__", "*.zip")
        shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
    for name in ("Makefile", "pyproject.toml", "LICENSE", ".dockerignore"):
        shutil.copy(PROJECT / name, folder)
    return folder


@pytest.fixture(scope="session")
def client_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Instant Client zip with the stand-in library."""
    return client_zip.build(tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="session")
def client_image(build_folder: Path, client_archive: Path) -> Iterator[str]:
    """The image with a client inside: the stand-in."""
    zip_file = build_folder / "docker/instantclient" / client_archive.name
    shutil.copy(client_archive, zip_file)
    name = f"{IMAGE}-client-standin"
    made = make_image(build_folder, IMAGE=name, INSTANTCLIENT_SHA256=client_zip.sha256(zip_file))
    zip_file.unlink()
    assert made.returncode == 0, made.stderr
    yield f"{name}:{VERSION}"
    docker("rmi", f"{name}:{VERSION}")


@pytest.fixture
def container_job(image: str, job: Job) -> Iterator[ContainerJob]:
    """The job in a container, with both connections set."""
    environ = {name: value for name, value in job.environ.items() if _is_a_users.match(name)}
    in_container = ContainerJob(environ, image)
    yield in_container
    in_container.remove()


_is_a_users = re.compile(r"ETL_|AIRFLOW_CONN_")
