"""The DAG as a scheduler sees it: found, parsed, with the document's schedule and defaults."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.exceptions import AirflowException  # type: ignore[attr-defined]


def test_it_is_the_only_one_and_parses(bag: Any) -> None:
    assert bag.import_errors == {}
    assert list(bag.dags) == ["etl_sales_target"]


def test_schedule(dag: Any) -> None:
    schedule = dag.schedule if hasattr(dag, "schedule") else dag.schedule_interval
    assert schedule == "0 0 * * *"
    assert dag.start_date == datetime(2024, 1, 1, tzinfo=UTC)
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert set(dag.tags) == {"etl", "oracle", "postgres", "sales_target"}


def test_defaults(dag: Any) -> None:
    assert dag.default_args == {
        "owner": "airflow",
        "depends_on_past": False,
        "retries": 1,
        "retry_delay": timedelta(minutes=5),
    }
    [task] = dag.tasks
    assert (task.owner, task.depends_on_past) == ("airflow", False)
    assert (task.retries, task.retry_delay) == (1, timedelta(minutes=5))
    assert task.execution_timeout == timedelta(hours=4)


def test_it_explains_itself(dag: Any) -> None:
    for word in ("When it failed", "By hand", "Variable `etl_sales_target`"):
        assert word in dag.doc_md


@pytest.mark.parametrize(
    "conf",
    [
        {},
        {"full": True},
        {"from": "2024-01", "to": "2024-12"},
        {"from": None, "to": None},
    ],
)
def test_params_that_can_be_triggered(dag: Any, conf: dict[str, Any]) -> None:
    checked(dag, conf)


@pytest.mark.parametrize(
    "conf",
    [
        {"full": "yes"},
        {"full": None},
        {"allow_shrink": 1},
        {"from": "2024-13", "to": "2024-13"},
        {"from": "2024-1", "to": "2024-2"},
        {"from": 202401, "to": 202402},
        {"from": "--full", "to": "2024-01"},
        {"from": "2024-01", "to": ""},
    ],
)
def test_params_that_cannot(dag: Any, conf: dict[str, Any]) -> None:
    with pytest.raises((AirflowException, ValueError), match="Invalid input for param"):
        checked(dag, conf)


def checked(dag: Any, conf: dict[str, Any]) -> None:
    """As Airflow does when a run is triggered with this conf."""
    params = copy.deepcopy(dag.params)
    params.update(conf)
    params.validate()
