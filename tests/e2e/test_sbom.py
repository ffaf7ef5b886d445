"""The bill of materials says what is in the image, and refuses an image that is not as locked."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from support.e2e import client_zip
from support.e2e.containers import DOCKER, HARDENED, VERSION, derive, docker, inspect
from support.project import PROJECT


def sbom(image: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROJECT / "docker/sbom.py"), image],
        env=os.environ | {"DOCKER": DOCKER}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def document(image: str) -> dict[str, Any]:
    done = sbom(image)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def versions(document: dict[str, Any], kind: str) -> dict[str, str]:
    return {
        each["name"]: each["version"]
        for each in document["components"]
        if each["purl"].startswith(f"pkg:{kind}/")
    }


def test_it_has_every_package_of_debian(image: str, document: dict[str, Any]) -> None:
    listed = docker(
        "run", "--rm", *HARDENED, "--entrypoint=dpkg-query", image, "--show",
        r"--showformat=${Package}\t${Version}\n",
    )  # fmt: skip
    assert versions(document, "deb") == dict(line.split("\t") for line in listed.splitlines())


def test_it_has_every_distribution_of_python(image: str, document: dict[str, Any]) -> None:
    folders = docker(
        "run", "--rm", *HARDENED, "--entrypoint=sh", image, "-c",
        "ls -d /opt/etl-sales-target/lib/python3*/site-packages/*.dist-info",
    ).splitlines()  # fmt: skip
    found = versions(document, "pypi")
    assert len(found) == len(folders) > 20
    assert found["etl-sales-target"] == VERSION
    assert f"oracledb=={found['oracledb']} " in (PROJECT / "requirements/job.txt").read_text()


def test_it_is_about_this_image_and_the_same_each_time(
    image: str, document: dict[str, Any]
) -> None:
    about = document["metadata"]["component"]
    assert (about["type"], about["version"]) == ("container", VERSION)
    assert {"name": "image id", "value": inspect(image)["Id"]} in about["properties"]
    assert json.loads(sbom(image).stdout) == document


def test_it_names_oracles_client(client_image: str, document: dict[str, Any]) -> None:
    with_client = json.loads(sbom(client_image).stdout)
    assert versions(with_client, "generic") == {"instantclient-basiclite": client_zip.VERSION}
    assert versions(document, "generic") == {}


def test_an_image_that_is_not_as_locked_is_refused(image: str) -> None:
    folder = "/opt/etl-sales-target/lib/python3.13/site-packages/stranger-1.0.dist-info"
    metadata = "Metadata-Version: 2.1\\nName: stranger\\nVersion: 1.0\\n"
    command = f"mkdir {folder} && printf '{metadata}' > {folder}/METADATA"
    done = sbom(derive(image, command))
    assert done.returncode != 0
    assert "stranger 1.0 is in the image and not in job.txt" in done.stderr
