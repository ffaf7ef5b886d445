"""The DAG as a scheduler sees it: found, parsed, with the document's schedule and defaults."""

import copy
import json
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.exceptions import AirflowException  # type: ignore[attr-defined]

from support.project import PROJECT

DAGS = PROJECT / "dag"

Parse = Callable[..., Any]


def test_it_is_the_only_one_and_parses(bag: Any) -> None:
    assert bag.import_errors == {}
    assert list(bag.dags) == ["etl_sales_target"]


def test_schedule(dag: Any) -> None:
    assert schedule(dag) == "0 0 * * *"
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
    for task in dag.tasks:
        assert (task.owner, task.depends_on_past) == ("airflow", False)
        assert (task.retries, task.retry_delay) == (1, timedelta(minutes=5))


def test_a_task_chooses_the_tables_and_one_loads_each(dag: Any) -> None:
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        "tables": {"load"},
        "load": set(),
    }
    assert type(dag.get_task("load")).__name__ == "MappedOperator"


class TestTimes:
    """Each limit leaves the one above it time to end in order."""

    def test_of_a_pod_that_lost_its_worker(self, dag: Any) -> None:
        load = dag.get_task("load")
        assert load.execution_timeout == timedelta(hours=4)
        assert load.partial_kwargs["active_deadline_seconds"] == 4 * 3600

    def test_of_all_tries(self, dag: Any) -> None:
        load = dag.get_task("load")
        tries = load.execution_timeout * (load.retries + 1) + load.retry_delay * load.retries
        assert tries < dag.dagrun_timeout < timedelta(days=1)


class TestSettings:
    def test_are_the_installations(self, parse: Parse) -> None:
        chosen = {
            "schedule": "30 2 * * *",
            "pool": "etl_sales_target",
            "deferrable": True,
            "execution_timeout_hours": 0.5,
            "dagrun_timeout_hours": 2,
        }
        bag = parse(json.dumps(chosen))
        dag = bag.dags["etl_sales_target"]
        load = dag.get_task("load")
        assert schedule(dag) == "30 2 * * *"
        assert dag.dagrun_timeout == timedelta(hours=2)
        assert load.pool == "etl_sales_target"
        assert load.execution_timeout == timedelta(minutes=30)
        assert load.partial_kwargs["active_deadline_seconds"] == 1800
        assert load.partial_kwargs["deferrable"] is True

    def test_none_is_needed(self, dag: Any) -> None:
        assert {task.pool for task in dag.tasks} == {"default_pool"}

    def test_a_mistyped_one_is_an_import_error(self, parse: Parse) -> None:
        [error] = parse('{"pools": "etl"}').import_errors.values()
        assert "unknown key pools; it has schedule, pool," in error


def test_the_folder_may_lie_deeper(parse: Parse, tmp_path: Path) -> None:
    """As in a subfolder of a bundle, which is not on the path; nothing else there is a DAG."""
    shutil.copytree(DAGS, tmp_path / "bundle/teams/etl")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.startswith("etl_sales_target_")]:
            patch.delitem(sys.modules, name)
        patch.setattr(sys, "path", [each for each in sys.path if each != str(DAGS)])
        bag = parse(folder=tmp_path / "bundle")
    assert bag.import_errors == {}
    assert list(bag.dags) == ["etl_sales_target"]
    parsed = {Path(found.file).name for found in bag.dagbag_stats}
    assert parsed == {"etl_sales_target.py"}


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
        {"tables": ["mb.sales_target", "mb.codes"]},
        {"check": True},
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
        {"tables": "mb.sales_target"},
        {"tables": [1]},
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


def schedule(dag: Any) -> object:
    """What it was given, by either Airflow's name for it."""
    return dag.schedule if hasattr(dag, "schedule") else dag.schedule_interval
