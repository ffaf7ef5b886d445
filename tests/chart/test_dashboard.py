"""The dashboard's ConfigMap, as Grafana's sidecar finds it."""

import json

from support.chart import needs_helm, render

pytestmark = needs_helm


def test_the_sidecar_finds_it() -> None:
    values = {"enabled": True, "annotations": {"grafana_folder": "ETL"}}
    found = render({"dashboard": values}).all("ConfigMap")[-1]

    assert found["metadata"]["name"] == "etl-sales-target-dashboard"
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "ETL"}
    dashboard = json.loads(found["data"]["etl-sales-target.json"])
    assert dashboard["uid"] == "etl-sales-target"
