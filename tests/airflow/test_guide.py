"""The guide's examples are DAGs and tasks on both Airflows."""

from pathlib import Path
from typing import Any

import pytest
from etl_sales_target_operator import ASSET_URI, EtlSalesTargetOperator

from support.documents import AIRFLOW_EXAMPLES, airflow_example


def test_a_dag_runs_after_a_table_has_changed(parse: Any, tmp_path: Path) -> None:
    (tmp_path / "downstream.py").write_text(airflow_example("after_sales_target"))
    bag = parse(folder=tmp_path)
    assert bag.import_errors == {}
    timetable = bag.dags["after_sales_target"].timetable
    condition = getattr(timetable, "asset_condition", None) or timetable.dataset_condition
    uris = [asset.uri for asset in condition.objects]
    assert uris == [ASSET_URI.format(table="mb.sales_target")]


def test_a_task_of_ones_own() -> None:
    namespace = {"EtlSalesTargetOperator": EtlSalesTargetOperator}
    exec(airflow_example('task_id="verify"'), namespace)  # noqa: S102 - the guide's own text


@pytest.mark.parametrize("text", AIRFLOW_EXAMPLES)
def test_every_example_is_tried_here(text: str) -> None:
    assert "after_sales_target" in text or 'task_id="verify"' in text
