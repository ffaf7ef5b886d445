"""The table of clients in docs/reliability.md is about the versions that are locked."""

import json

import pytest

from conformance.clients import CLIENTS, NODE_CLIENT, SQLALCHEMY, Client
from conformance.drivers.steps import STEPS
from support.documents import DOCS

TEXT = (DOCS / "reliability.md").read_text()
ROWS = {
    name: cells
    for name, *cells in (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TEXT.splitlines()
        if line.startswith("| ")
    )
}


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_every_client_is_in_the_table(client: Client) -> None:
    steps = len(STEPS)

    version, taken, remarks = ROWS[client.name]

    assert version == client.version
    assert taken == f"{steps - len(client.unsupported)} of {steps}"
    assert all(f"{step}: {reason}" in remarks for step, reason in client.unsupported.items())


def test_the_versions_beside_the_table() -> None:
    sqlalchemy, pandas = SQLALCHEMY.version.split(", ")

    assert f"SQLAlchemy {sqlalchemy} also reflects the tables, and pandas {pandas} reads" in TEXT


def test_what_npm_installs_is_hashed_and_names_no_registry() -> None:
    lock = json.loads((NODE_CLIENT / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]

    assert packages
    for package in packages:
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package
