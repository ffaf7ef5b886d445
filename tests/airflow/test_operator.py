"""The pod that the operator asks for: the chart's, with the run's arguments and identity."""

import re
import uuid
from typing import Any

import pytest
from kubernetes.client import (
    ApiClient,
)

from support.airflow_task import (
    RUN_ID,
    TABLE,
    Build,
    as_sent,
)
from support.chart import NAMESPACE, RELEASE, needs_helm

# What the operator tells the job, beside the chart's settings.
OWN = {"ETL_TRIGGERED_BY", "ETL_LOG_FORMAT", "OPENLINEAGE_PARENT_ID"}


@needs_helm
class TestPod:
    @pytest.mark.parametrize(
        ("params", "arguments"),
        [
            ({}, ["run", "--table", TABLE]),
            ({"full": True}, ["run", "--full", "--table", TABLE]),
            ({"allow_shrink": True}, ["run", "--table", TABLE, "--allow-shrink"]),
            (
                {"from": "2024-01", "to": "2024-06"},
                ["backfill", "--from", "2024-01", "--to", "2024-06", "--table", TABLE],
            ),
            ({"check": True}, ["check", "--table", TABLE]),
        ],
    )
    def test_arguments(self, build: Build, params: dict[str, Any], arguments: list[str]) -> None:
        [container] = build(params).spec.containers
        assert container.args == arguments
        assert not container.command

    def test_the_rest_is_the_charts(self, build: Build, api: dict[str, Any]) -> None:
        pod = build(values={"nodeSelector": {"disk": "ssd"}, "hostNetwork": True})
        [template] = (found["template"] for path, found in api.items() if path != "posted")
        sent = as_sent(ApiClient().sanitize_for_serialization(pod))
        environment = sent["spec"]["containers"][0].pop("env")
        own = [each for each in environment if each["name"] in OWN]
        assert {each["name"] for each in own} == OWN
        of_the_chart = [each for each in environment if each not in own]
        assert of_the_chart == template["spec"]["containers"][0].pop("env")
        assert sent["spec"].pop("activeDeadlineSeconds") == 4 * 3600
        del template["spec"]["activeDeadlineSeconds"]
        assert sent["spec"]["containers"][0].pop("args") == ["run", "--table", TABLE]
        assert template["spec"]["containers"][0].pop("args") == ["run"]
        assert sent["spec"] == template["spec"]
        assert sent["metadata"]["labels"].items() >= template["metadata"]["labels"].items()
        assert sent["metadata"]["annotations"] == template["metadata"]["annotations"]
        assert sent["metadata"]["namespace"] == NAMESPACE
        assert re.fullmatch(f"{RELEASE}-[a-z0-9]+", sent["metadata"]["name"])

    def test_the_ledger_learns_which_try_of_which_run_it_is(self, build: Build) -> None:
        environment = {each.name: each for each in build().spec.containers[0].env}
        variable = environment["ETL_TRIGGERED_BY"]
        assert variable.value == f"etl_sales_target {RUN_ID} try 2"

    @pytest.mark.parametrize(
        ("variable", "log_format"), [({}, "text"), ({"log_format": "json"}, "json")]
    )
    def test_the_log_is_for_people_unless_the_variable_says_json(
        self, build: Build, variable: dict[str, Any], log_format: str
    ) -> None:
        environment = {
            each.name: each.value for each in build(variable=variable).spec.containers[0].env
        }
        assert environment["ETL_LOG_FORMAT"] == log_format

    def test_openlineage_learns_which_task_it_is(self, build: Build) -> None:
        environment = {each.name: each.value for each in build().spec.containers[0].env}
        namespace, job, run = environment["OPENLINEAGE_PARENT_ID"].split("/")
        assert (namespace, job) == ("default", "etl_sales_target.load")
        assert str(uuid.UUID(run)) == run

    def test_the_variable_says_where(self, build: Build) -> None:
        where = {
            "namespace": "warehouse",
            "pod_template": "sales",
            "kubernetes_conn_id": "other_cluster",
        }
        pod = build(variable=where)
        assert pod.metadata.namespace == "warehouse"
        assert pod.spec.containers[0].env_from[0].config_map_ref.name == "sales"

    def test_the_sidecar_keeps_the_jobs_rules(self, build: Build) -> None:
        job, sidecar = build(variable={"xcom": True}).spec.containers
        assert (job.name, sidecar.name) == (RELEASE, "airflow-xcom-sidecar")
        assert sidecar.security_context == job.security_context
        assert "/airflow/xcom" in {mount.mount_path for mount in job.volume_mounts}

    @pytest.mark.parametrize("variable", [None, {"xcom": False}])
    def test_no_sidecar_unless_asked_for(
        self, build: Build, variable: dict[str, Any] | None
    ) -> None:
        assert len(build(variable=variable).spec.containers) == 1
