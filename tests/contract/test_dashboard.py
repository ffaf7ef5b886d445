"""The dashboard queries only metrics that docs/metrics.md describes; its picture is of today."""

import json
import re

from support.chart import needs_helm, render
from support.dashboard import PICTURE, digest
from support.documents import DOCS

pytestmark = needs_helm


# They show all tables, whichever is chosen for the other panels.
OF_EVERY_TABLE = {"Since the last success", "Last run"}


def test_it_queries_only_what_is_documented_and_with_its_own_variables() -> None:
    dashboard = render({"dashboard": {"enabled": True}}).all("ConfigMap")[-1]["data"]
    documented = (DOCS / "metrics.md").read_text()
    panels = json.loads(dashboard["etl-sales-target.json"])["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            for metric in re.findall(r"etl_sales_target_(\w+)", target["expr"]):
                assert f"`{metric}`" in documented
            for selector in re.findall(r"etl_sales_target_\w+(\{[^}]*\})?", target["expr"]):
                assert 'namespace=~"$namespace"' in selector
                chosen = 'target_table="$target_table"' in selector
                assert chosen == (panel["title"] not in OF_EVERY_TABLE)


def test_its_picture_was_drawn_from_it() -> None:
    redraw = "cd tests && ../.venv/bin/python -m benchmark.dashboard_picture ../docs/dashboard.svg"
    assert f"<metadata>sha256:{digest()}</metadata>" in PICTURE.read_text(), redraw
