"""A DAG of somebody else's: what it passes wins over what the operator would choose."""

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
)
from etl_sales_target_operator import EtlSalesTargetOperator
from kubernetes.client import (
    V1EnvVar,
)

from support.airflow_task import (
    RUN_ID,
    Build,
)
from support.chart import NAMESPACE, RELEASE, needs_helm


@needs_helm
class TestCallersChoice:
    """A DAG of somebody else's: what it passes wins over what the operator would choose."""

    def task(self, **arguments: Any) -> Any:
        made = EtlSalesTargetOperator(
            task_id="load", namespace=NAMESPACE, pod_template=RELEASE, **arguments
        )
        return made.prepare_for_execution()

    def test_of_arguments(self, build: Build) -> None:
        task = self.task(arguments=["verify", "--table", "{{ run_id }}"])
        [container] = build(with_task=task).spec.containers
        assert container.args == ["verify", "--table", RUN_ID]

    def test_of_all_tables_in_one_pod(self, build: Build) -> None:
        [container] = build(with_task=self.task()).spec.containers
        assert container.args == ["run"]

    @pytest.mark.parametrize(
        "env_vars",
        [
            {"ETL_BATCH_ROWS": "{{ 5 }}", "ETL_KUBERNETES_NAMESPACE": "mine"},
            [
                V1EnvVar(name="ETL_BATCH_ROWS", value="5"),
                V1EnvVar(name="ETL_KUBERNETES_NAMESPACE", value="mine"),
            ],
        ],
    )
    def test_of_variables_which_are_merged(self, build: Build, env_vars: Any) -> None:
        [container] = build(with_task=self.task(env_vars=env_vars)).spec.containers
        names = [each.name for each in container.env]
        assert len(names) == len(set(names))
        found = {each.name: each.value for each in container.env}
        assert found["ETL_BATCH_ROWS"] == "5"
        assert found["ETL_KUBERNETES_NAMESPACE"] == "mine"
        assert found["ETL_TRIGGERED_BY"] == f"etl_sales_target {RUN_ID} try 2"

    def test_of_the_variable_that_says_who_started_it(self, build: Build) -> None:
        task = self.task(env_vars={"ETL_TRIGGERED_BY": "me"})
        [container] = build(with_task=task).spec.containers
        assert [each.value for each in container.env if each.name == "ETL_TRIGGERED_BY"] == ["me"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("name", "sales"),
            ("startup_timeout_seconds", 60),
            ("log_events_on_failure", False),
            ("log_pod_spec_on_failure", True),
            ("termination_message_policy", "File"),
            ("deferrable", True),
            ("deferrable", False),
            ("get_logs", False),
            ("labels", {"team": "sales"}),
        ],
    )
    @pytest.mark.parametrize("how", ["argument", "default_args", "mapped", "subclass"])
    def test_of_any_parameter(self, how: str, name: str, value: Any) -> None:
        class Subclass(EtlSalesTargetOperator):  # type: ignore[misc]
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**{name: value}, **kwargs)

        base = {"task_id": "load", "namespace": NAMESPACE, "pod_template": RELEASE}
        if how == "argument":
            task: Any = EtlSalesTargetOperator(**base, **{name: value})
        elif how == "default_args":
            task = EtlSalesTargetOperator(**base, default_args={name: value})
        elif how == "subclass":
            task = Subclass(**base)
        else:
            with DAG("other", schedule=None):
                mapped = EtlSalesTargetOperator.partial(**base).expand(**{name: [value]})
            task = mapped.unmap({name: value})
        assert getattr(task, name) == value

    def test_of_deferring_is_otherwise_airflows(self) -> None:
        assert self.task().deferrable is False
