"""The guide to Airflow names values that the chart has."""

import re
from typing import Any

import yaml

from support.chart import CHART
from support.documents import DOCS


def test_the_guide_names_values_that_exist() -> None:
    guide = (DOCS / "airflow.md").read_text()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named = set(re.findall(r"`((?:{})\.[A-Za-z.]+)`".format("|".join(values)), guide))
    assert len(named) > 5
    assert {path for path in named if not _has(values, path.split("."))} == set()


def _has(values: dict[str, Any], path: list[str]) -> bool:
    for key in path:
        if key not in values:
            return False
        values = values[key]
    return True
