"""The chart's dashboard as Grafana asks Prometheus: its variables replaced by what is chosen."""

import hashlib
import json
import re
from collections.abc import Mapping
from string import Template
from typing import Any

from support.chart import CHART
from support.documents import DOCS
from support.monitoring import Prometheus

FILE = CHART / "dashboards" / "etl-sales-target.json"

PICTURE = DOCS / "dashboard.svg"

# What Grafana puts in the place of the namespace where none is chosen.
ALL = ".*"


def digest() -> str:
    """A hash of the dashboard's JSON, which its picture bears: it says what was drawn."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


def with_choices(text: str, *, namespace: str = ALL, target_table: str) -> dict[str, Any]:
    """The dashboard of this JSON, with these choices in every query."""
    chosen = Template(text).safe_substitute(namespace=namespace, target_table=target_table)
    dashboard: dict[str, Any] = json.loads(chosen)
    return dashboard


def offered(dashboard: Mapping[str, Any], variable: str, prometheus: Prometheus) -> list[str]:
    """The values that one of the dashboard's variables offers."""
    [found] = [each for each in dashboard["templating"]["list"] if each["name"] == variable]
    query = re.fullmatch(r"label_values\((.*), (\w+)\)", found["query"])
    assert query
    series, label = query.groups()
    return sorted({labels[label] for labels, _ in prometheus.query(series) if label in labels})
