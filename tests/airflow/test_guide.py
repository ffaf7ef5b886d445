"""The guide's examples are DAGs and tasks on both Airflows."""

import re
from pathlib import Path
from typing import Any

import pytest
from etl_sales_target_operator import ASSET_URI, EtlSalesTargetOperator

from support.documents import DOCS

EXAMPLES = re.findall(r"```python\n(.*?)```", (DOCS / "airflow.md").read_text(), re.DOTALL)


def example(word: str) -> str:
    """The only example with this word."""
    [found] = [each for each in EXAMPLES if word in each]
    return str(found)


def test_a_dag_runs_after_a_table_has_changed(parse: Any, tmp_path: Path) -> None:
    (tmp_path / "downstream.py").write_text(example("after_sales_target"))
    bag = parse(folder=tmp_path)
    assert bag.import_errors == {}
    timetable = bag.dags["after_sales_target"].timetable
    condition = getattr(timetable, "asset_condition", None) or timetable.dataset_condition
    uris = [asset.uri for asset in condition.objects]
    assert uris == [ASSET_URI.format(table="mb.sales_target")]


def test_a_task_of_ones_own() -> None:
    namespace = {"EtlSalesTargetOperator": EtlSalesTargetOperator}
    exec(example('task_id="verify"'), namespace)  # noqa: S102 - the guide's own text


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_tried_here(text: str) -> None:
    assert "after_sales_target" in text or 'task_id="verify"' in text
