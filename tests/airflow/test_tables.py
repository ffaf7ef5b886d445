"""The task that reads the tables of the release and checks the params."""

import copy
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
)
from etl_sales_target_arguments import chosen_tables, job_arguments
from etl_sales_target_operator import EtlTablesOperator

from support.airflow_task import (
    PARAMS,
    TABLE,
    context_of,
)
from support.chart import NAMESPACE, RELEASE, needs_helm, render


class TestTables:
    @pytest.fixture
    def tables(self, api: dict[str, Any], dag: Any) -> Any:
        """The tables of a release that has two, for a run with these params."""
        path = f"/api/v1/namespaces/{NAMESPACE}/podtemplates/{RELEASE}"
        two = [
            {"source": "APPS.A", "target": "mb.a"},
            {"source": "APPS.B", "target": "MB.B"},
        ]
        api[path] = render({"tables": two}).one("PodTemplate")
        task = copy.copy(dag.get_task("tables")).prepare_for_execution()

        def chosen(**params: Any) -> Any:
            context = context_of(dag, params, {"namespace": NAMESPACE})
            task.render_template_fields(context)
            return EtlTablesOperator.execute.__wrapped__(task, context)

        return chosen

    @needs_helm
    def test_are_those_of_the_release(self, tables: Any) -> None:
        assert tables() == ["mb.a", "mb.b"]

    @needs_helm
    @pytest.mark.parametrize("wanted", [["mb.b"], ["MB.B", "mb.b"]])
    def test_may_be_chosen(self, tables: Any, wanted: list[str]) -> None:
        assert tables(tables=wanted) == ["mb.b"]

    @needs_helm
    def test_must_be_the_releases(self, tables: Any) -> None:
        with pytest.raises(AirflowFailException, match=r"mb\.c is not among .* mb\.a, mb\.b"):
            tables(tables=["mb.a", "mb.c"])

    def test_of_another_pod_template(self, api: dict[str, Any]) -> None:
        api["/api/v1/namespaces/etl/podtemplates/other"] = {"metadata": {"name": "other"}}
        client = EtlTablesOperator(task_id="tables", namespace="etl", pod_template="other")
        with pytest.raises(AirflowFailException, match="has no annotation etl-sales-target/tables"):
            EtlTablesOperator.execute.__wrapped__(client, {"params": PARAMS})


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"from": "2024-01"}, "Set both params"),
        ({"to": "2024-01"}, "Set both params"),
        ({"from": "2024-02", "to": "2024-01"}, "is before from"),
        ({"from": "2024-01", "to": "2024-01", "full": True}, "not both"),
        ({"check": True, "full": True}, "check loads nothing: leave out full"),
        ({"form": "2024-01"}, "Unknown param form"),
    ],
)
def test_params_that_do_not_go_together(params: dict[str, Any], said: str) -> None:
    with pytest.raises(AirflowFailException, match=said):
        chosen_tables([TABLE], {**PARAMS, **params})


def test_the_params_are_the_dags(dag: Any) -> None:
    assert set(dag.params) == PARAMS.keys()


def test_another_dag_may_have_none_of_them() -> None:
    assert job_arguments({"region": "EMEA"}) == ["run"]
