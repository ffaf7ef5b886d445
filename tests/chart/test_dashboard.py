"""The dashboard's ConfigMap, as Grafana's sidecar finds it."""

import json
from typing import Any

import pytest

from support.chart import needs_helm, render
from support.dashboard import FILE

pytestmark = needs_helm


def dashboard(values: dict[str, Any] | None = None, **others: object) -> dict[str, Any]:
    found = render({"dashboard": {"enabled": True, **(values or {})}, **others})
    text = found.all("ConfigMap")[-1]["data"]["etl-sales-target.json"]
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_the_sidecar_finds_it() -> None:
    values = {"enabled": True, "annotations": {"grafana_folder": "ETL"}}
    found = render({"dashboard": values}).all("ConfigMap")[-1]

    assert found["metadata"]["name"] == "etl-sales-target-dashboard"
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "ETL"}
    assert json.loads(found["data"]["etl-sales-target.json"])["uid"] == "etl-sales-target"


def test_it_is_the_file_but_for_links_and_thresholds() -> None:
    assert dashboard() | {"links": []} == json.loads(FILE.read_text())


def test_it_links_to_the_runbook_and_to_airflow() -> None:
    found = dashboard(
        {"airflowUrl": "https://airflow.example/"}, runbookUrl="https://git.example/runbook.md"
    )
    assert {link["title"]: link["url"] for link in found["links"]} == {
        "Runbook": "https://git.example/runbook.md",
        "Airflow": "https://airflow.example/dags/etl_sales_target",
    }
    assert [link["title"] for link in dashboard()["links"]] == ["Runbook"]


@pytest.mark.parametrize(("hours", "orange", "red"), [(26, 90_000, 93_600), (0.5, 0, 1800)])
def test_it_turns_red_when_the_alert_fires(hours: float, orange: int, red: int) -> None:
    found = dashboard(prometheusRule={"noSuccessHours": hours})
    steps = found["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["color"], step["value"]) for step in steps] == [
        ("green", None),
        ("orange", orange),
        ("red", red),
    ]
