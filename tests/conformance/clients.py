"""The clients that judge the stand-in, where they are installed, and what they cannot do."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.project import PROJECT

_DRIVERS = "conformance.drivers"
NODE_CLIENT = PROJECT / "tests" / "conformance" / "drivers" / "node_oracledb"


@dataclass(frozen=True, eq=False)
class Client:
    """One client.

    `installed` is there once `make conformance` has installed it. `unsupported` says why the client
    itself cannot take a step; `second_digits` is what it keeps of a second's fraction, and
    `refusal` what it says of a service that the listener does not know.
    """

    name: str
    version: str
    command: Sequence[str]
    installed: Path
    unsupported: Mapping[str, str] = field(default_factory=dict)
    second_digits: int = 6
    refusal: str = "12514"

    def __str__(self) -> str:
        return self.name


def _python(environment: str | None, module: str) -> tuple[list[str], Path]:
    """A module of `drivers` in an environment of its own, or in the project's."""
    folder = PROJECT / f".venv-{environment}"
    python = str(folder / "bin" / "python") if environment else sys.executable
    installed = folder / "ready" if environment else Path(python)
    return [python, "-m", f"{_DRIVERS}.{module}"], installed


def locked(requirements: str, package: str) -> str:
    """The version of a package in one of the files of `requirements/`."""
    text = (PROJECT / "requirements" / f"{requirements}.txt").read_text()
    found = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
    assert found, (requirements, package)
    return found[1]


def _locked_in_node() -> str:
    packages = json.loads((NODE_CLIENT / "package-lock.json").read_text())["packages"]
    return str(packages["node_modules/oracledb"]["version"])


def _oracledb(line: str, module: str = "python_oracledb", suffix: str = "") -> Client:
    environment = f"conformance-oracledb-{line}"
    version = locked(environment, "oracledb")
    return Client(f"python-oracledb {line}{suffix}", version, *_python(environment, module))


_ASYNC = ("python_oracledb_async", ", asyncio")
_JOBS_OWN = locked("job", "oracledb")

CLIENTS = [
    Client("python-oracledb, the job's", _JOBS_OWN, *_python(None, "python_oracledb")),
    Client("python-oracledb, the job's, asyncio", _JOBS_OWN, *_python(None, _ASYNC[0])),
    _oracledb("3"),
    _oracledb("3", *_ASYNC),
    _oracledb("2"),
    _oracledb("2", *_ASYNC),
    _oracledb("1"),
    Client(
        "node-oracledb, thin",
        _locked_in_node(),
        ["node", str(NODE_CLIENT / "client.js")],
        NODE_CLIENT / "node_modules" / "ready",
        second_digits=3,
        refusal="NJS-518",
    ),
    Client(
        "adbc-driver-oracle",
        locked("conformance-adbc", "adbc-driver-oracle"),
        *_python("conformance-adbc", "adbc"),
        unsupported={"call timeout": "it has none"},
        refusal="listener refused connection",
    ),
]

SQLALCHEMY = Client(
    "SQLAlchemy, pandas",
    ", ".join(locked("conformance-sqlalchemy", package) for package in ("sqlalchemy", "pandas")),
    *_python("conformance-sqlalchemy", "sqlalchemy_pandas"),
)
