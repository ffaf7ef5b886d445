"""The guide to Airflow names what the chart and the DAG have."""

import ast
import json
import re
from typing import Any

import pytest
import yaml

from support.chart import CHART
from support.documents import AIRFLOW_EXAMPLES, AIRFLOW_GUIDE
from support.project import PROJECT

DAG = ast.parse((PROJECT / "dag/etl_sales_target.py").read_text())


def table(first_key: str) -> dict[str, str]:
    """The table whose first row has this key: key to default, both without backquotes."""
    [rows] = re.findall(rf"(?m)^\| `{first_key}` \|.*\n(?:\|.*\n)*", AIRFLOW_GUIDE)
    cells = (row.strip("| ").split(" | ") for row in rows.splitlines())
    return {key.strip("`"): default.strip("`") for key, default, *_ in cells}


def test_the_guide_names_values_that_exist() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named = set(re.findall(r"`((?:{})\.[A-Za-z.]+)`".format("|".join(values)), AIRFLOW_GUIDE))
    assert len(named) > 5
    assert {path for path in named if not _has(values, path.split("."))} == set()


def _has(values: dict[str, Any], path: list[str]) -> bool:
    for key in path:
        if key not in values:
            return False
        values = values[key]
    return True


def test_the_variables_keys_are_those_that_the_dag_reads() -> None:
    reads = {
        call.args[0].value: ast.literal_eval(
            next((each.value for each in call.keywords), call.args[-1])
        )
        for call in ast.walk(DAG)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "installed"
        and isinstance(call.args[0], ast.Constant)
    }
    documented = table("namespace")
    assert documented.keys() == reads.keys()
    known = {key: default for key, default in documented.items() if default != "as the chart says"}
    assert known == {key: str(reads[key]).replace("False", "false") for key in known}


def test_the_settings_are_those_of_the_dag() -> None:
    [settings] = (
        ast.literal_eval(found.value)
        for found in ast.walk(DAG)
        if isinstance(found, ast.AnnAssign)
        and isinstance(found.target, ast.Name)
        and found.target.id == "SETTINGS"
        and found.value
    )
    documented = table("schedule")
    assert documented.keys() == settings.keys()
    for key, value in settings.items():
        assert value is None or json.loads(documented[key]) == value


def test_every_file_of_the_dag_but_itself_is_kept_from_the_search() -> None:
    folder = PROJECT / "dag"
    ignored = (folder / ".airflowignore").read_text().split()
    assert sorted(ignored) == sorted(
        found.name for found in folder.glob("*.py") if found.name != "etl_sales_target.py"
    )


@pytest.mark.parametrize("example", AIRFLOW_EXAMPLES)
def test_the_examples_are_python(example: str) -> None:
    ast.parse(example)
