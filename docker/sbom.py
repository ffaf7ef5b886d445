"""Writes an image's CycloneDX bill of materials: Debian's packages, Python's, Oracle's client.

    python docker/sbom.py IMAGE > FILE

The Python packages must be those of requirements/job.txt. The same image gives the same document.
Needs the Docker engine that has the image; the environment's DOCKER is its client.
"""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

LOCK = Path(__file__).parents[1] / "requirements" / "job.txt"
PROJECT = "etl-sales-target"

_LABEL = "org.opencontainers.image."
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_CLIENT = re.compile(r"^Oracle client library: ([\d.]+) at", re.MULTILINE)
_DEBIAN_FORMAT = r"${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n"
_PYTHON_PROGRAM = (
    "import importlib.metadata as m, json;"
    "print(json.dumps([[d.metadata['Name'], d.version] for d in m.distributions()]))"
)


def main() -> None:
    """Print the document."""
    [image] = sys.argv[1:]
    print(document(image))


def document(image: str) -> str:
    """The bill of materials as JSON. Raises ValueError if the image is not as locked."""
    [inspected] = json.loads(_docker("inspect", image))
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, inspected["Id"]),
        metadata=_metadata(inspected),
        components=[*_debian(image), *_python(image), *_client(image)],
    )
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error:
        raise ValueError(f"The document is not CycloneDX 1.6: {error}")
    return text


def _metadata(inspected: dict[str, Any]) -> BomMetaData:
    labels = inspected["Config"]["Labels"]
    own = Component(
        type=ComponentType.CONTAINER,
        bom_ref=PROJECT,
        name=PROJECT,
        version=labels[f"{_LABEL}version"],
        properties=[
            Property(name="image id", value=inspected["Id"]),
            Property(name="revision", value=labels[f"{_LABEL}revision"]),
        ],
    )
    return BomMetaData(component=own, timestamp=datetime.fromisoformat(labels[f"{_LABEL}created"]))


def _debian(image: str) -> Iterator[Component]:
    listed = _run(image, "dpkg-query", "--show", f"--showformat={_DEBIAN_FORMAT}")
    for line in listed.splitlines():
        name, version, architecture, source, source_version = line.split()
        qualifiers = {"arch": architecture, "upstream": f"{source}@{source_version}"}
        yield _library(PackageURL("deb", "debian", name, version, qualifiers))


def _python(image: str) -> Iterator[Component]:
    locked = {_normal(name): version for name, version in _LOCKED.findall(LOCK.read_text())}
    for name, version in json.loads(_run(image, "python3", "-c", _PYTHON_PROGRAM)):
        if name != PROJECT and locked.get(_normal(name)) != version:
            raise ValueError(f"{name} {version} is in the image and not in {LOCK.name}.")
        yield _library(PackageURL("pypi", None, _normal(name), version))


def _client(image: str) -> Iterator[Component]:
    found = _CLIENT.search(_run(image, PROJECT, "--version"))
    if found:
        yield _library(PackageURL("generic", "oracle", "instantclient-basiclite", found[1]))


def _library(purl: PackageURL) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=purl.name,
        version=purl.version,
        purl=purl,
        bom_ref=purl.to_string(),
    )


def _normal(name: str) -> str:
    """The name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _run(image: str, program: str, *arguments: str) -> str:
    return _docker("run", "--rm", "--network=none", f"--entrypoint={program}", image, *arguments)


def _docker(*arguments: str) -> str:
    client = os.environ.get("DOCKER", "docker")
    return subprocess.run(
        [client, *arguments], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


if __name__ == "__main__":
    main()
