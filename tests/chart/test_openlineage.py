"""The OpenLineage server: its address in the settings, its port open, its key a secret."""

from typing import Any

import pytest

from support.chart import CONNECTIONS, HelmError, needs_helm, render

pytestmark = needs_helm


def test_none_unless_asked_for() -> None:
    manifests = render()
    assert "OPENLINEAGE_URL" not in manifests.one("ConfigMap")["data"]
    assert len(manifests.one("NetworkPolicy")["spec"]["egress"]) == 3


def test_address_and_way_there() -> None:
    peers: list[dict[str, Any]] = [{"namespaceSelector": {}}]
    manifests = render(
        {
            "settings": {
                "OPENLINEAGE_URL": "http://marquez.lineage:5000",
                "OPENLINEAGE_NAMESPACE": "warehouse",
            },
            "networkPolicy": {"openLineage": {"to": peers}},
        }
    )
    data = manifests.one("ConfigMap")["data"]
    assert data["OPENLINEAGE_URL"] == "http://marquez.lineage:5000"
    assert data["OPENLINEAGE_NAMESPACE"] == "warehouse"
    assert manifests.one("NetworkPolicy")["spec"]["egress"][-1] == {
        "ports": [{"port": 5000, "protocol": "TCP"}],
        "to": peers,
    }


def test_the_key_stays_a_secret() -> None:
    connections = {**CONNECTIONS, "openLineageApiKey": "Osprey-of-the-lineage"}
    manifests = render(
        {"connections": connections, "settings": {"OPENLINEAGE_URL": "https://l.example"}}
    )
    assert "OPENLINEAGE_API_KEY" in manifests.one("Secret")["data"]
    assert "OPENLINEAGE_API_KEY" not in manifests.one("ConfigMap")["data"]
    assert manifests.one("NetworkPolicy")["spec"]["egress"][-1]["ports"][0]["port"] == 443


def test_a_password_in_its_address_is_refused() -> None:
    with pytest.raises(HelmError, match="schema"):
        render({"settings": {"OPENLINEAGE_URL": "http://u:p@marquez:5000"}})
