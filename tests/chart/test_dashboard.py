"""The dashboard's ConfigMap, as Grafana's sidecar finds it."""

import json
import re

from chart.rendering import PROJECT, needs_helm, render

pytestmark = needs_helm


def test_the_sidecar_finds_it():
    values = {"enabled": True, "annotations": {"grafana_folder": "ETL"}}
    found = render({"dashboard": values}).all("ConfigMap")[-1]

    assert found["metadata"]["name"] == "etl-sales-target-dashboard"
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "ETL"}
    dashboard = json.loads(found["data"]["etl-sales-target.json"])
    assert dashboard["uid"] == "etl-sales-target"


def test_it_queries_only_what_is_documented_and_with_its_own_variable():
    dashboard = render({"dashboard": {"enabled": True}}).all("ConfigMap")[-1]["data"]
    documented = (PROJECT / "docs" / "metrics.md").read_text()
    panels = json.loads(dashboard["etl-sales-target.json"])["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            for metric in re.findall(r"etl_sales_target_(\w+)", target["expr"]):
                assert f"`{metric}`" in documented
