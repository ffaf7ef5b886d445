"""The pod that the operator asks for: the chart's, with the run's arguments and identity."""

import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.exceptions import AirflowException  # type: ignore[attr-defined]
from kubernetes.client import (
    ApiClient,
    V1ContainerState,
    V1ContainerStateTerminated,
    V1ContainerStatus,
    V1ObjectMeta,
    V1Pod,
    V1PodSpec,
    V1PodStatus,
)

from etl_sales_target.core import errors
from support.chart import NAMESPACE, RELEASE, needs_helm, render

RUN_ID = "scheduled__2026-01-02T00:00:00+00:00"
PARAMS = {"full": False, "from": None, "to": None, "allow_shrink": False}

Build = Callable[..., V1Pod]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What an API server would answer, by path; anything else is 404. Airflow is told of it."""
    answers: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            found = answers.get(self.path)
            body = found or {"kind": "Status", "code": 404, "message": f"no {self.path}"}
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_GET = do_DELETE = do_PATCH = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kubeconfig = {
        "current-context": "it",
        "clusters": [
            {"name": "it", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        ],
        "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    extra = {"kube_config_path": str(path)}
    connection = json.dumps({"conn_type": "kubernetes", "extra": extra})
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KUBERNETES_DEFAULT", "OTHER_CLUSTER"):
            patch.setenv(f"AIRFLOW_CONN_{name}", connection)
        yield answers
    server.shutdown()
    server.server_close()


@pytest.fixture
def operator(dag: Any) -> Any:
    """The DAG's one task, ready to run."""
    [task] = dag.tasks
    return copy.copy(task).prepare_for_execution()


@pytest.fixture
def launched(api: dict[str, Any], operator: Any) -> Any:
    """The task after its pod was started."""
    operator.kubernetes_conn_id, operator.namespace = "kubernetes_default", NAMESPACE
    return operator


@pytest.fixture
def build(api: dict[str, Any], dag: Any, operator: Any) -> Build:
    """The pod of a run with these params, this Variable and these values of the chart."""

    def pod(
        params: dict[str, Any] | None = None,
        variable: dict[str, Any] | None = None,
        values: dict[str, Any] | None = None,
    ) -> V1Pod:
        variable = variable or {}
        namespace = variable.get("namespace", NAMESPACE)
        name = variable.get("pod_template", RELEASE)
        path = f"/api/v1/namespaces/{namespace}/podtemplates/{name}"
        api[path] = render({"fullnameOverride": name, **(values or {})}).one("PodTemplate")
        context = {
            "dag": dag,
            "ti": SimpleNamespace(dag_id=dag.dag_id, task_id="load", map_index=-1, try_number=2),
            "run_id": RUN_ID,
            "params": {**PARAMS, **(params or {})},
            "var": {"json": {"etl_sales_target": variable} if variable else {}},
        }
        operator.render_template_fields(context)
        operator.prepare(context)
        return operator.build_pod_request_obj(context)

    return pod


@needs_helm
class TestPod:
    @pytest.mark.parametrize(
        ("params", "arguments"),
        [
            ({}, ["run"]),
            ({"full": True}, ["run", "--full"]),
            ({"allow_shrink": True}, ["run", "--allow-shrink"]),
            (
                {"from": "2024-01", "to": "2024-06"},
                ["backfill", "--from", "2024-01", "--to", "2024-06"],
            ),
        ],
    )
    def test_arguments(self, build: Build, params: dict[str, Any], arguments: list[str]) -> None:
        [container] = build(params).spec.containers
        assert container.args == arguments
        assert not container.command

    def test_the_rest_is_the_charts(self, build: Build, api: dict[str, Any]) -> None:
        pod = build(values={"nodeSelector": {"disk": "ssd"}, "hostNetwork": True})
        [template] = (found["template"] for found in api.values())
        sent = _as_sent(ApiClient().sanitize_for_serialization(pod))
        triggered_by, *of_the_chart = sorted(
            sent["spec"]["containers"][0].pop("env"), key=lambda each: each["name"], reverse=True
        )
        assert triggered_by["name"] == "ETL_TRIGGERED_BY"
        assert of_the_chart == template["spec"]["containers"][0].pop("env")
        assert sent["spec"] == template["spec"]
        assert sent["metadata"]["labels"].items() >= template["metadata"]["labels"].items()
        assert sent["metadata"]["annotations"] == template["metadata"]["annotations"]
        assert sent["metadata"]["namespace"] == NAMESPACE
        assert re.fullmatch(f"{RELEASE}-[a-z0-9]+", sent["metadata"]["name"])

    def test_the_ledger_learns_which_try_of_which_run_it_is(self, build: Build) -> None:
        environment = {each.name: each for each in build().spec.containers[0].env}
        variable = environment["ETL_TRIGGERED_BY"]
        assert variable.value == f"etl_sales_target {RUN_ID} try 2"

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


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"from": "2024-01"}, "Set both params"),
        ({"to": "2024-01"}, "Set both params"),
        ({"from": "2024-02", "to": "2024-01"}, "is before from"),
        ({"from": "2024-01", "to": "2024-01", "full": True}, "not both"),
        ({"form": "2024-01"}, "Unknown param form"),
    ],
)
def test_params_that_do_not_go_together(operator: Any, params: dict[str, Any], said: str) -> None:
    with pytest.raises(AirflowException, match=said) as refused:
        operator.prepare({"params": {**PARAMS, **params}})
    assert type(refused.value).__name__ == "AirflowFailException"


def test_the_params_are_the_dags(dag: Any) -> None:
    assert set(dag.params) == PARAMS.keys()


def ended(exit_code: int, message: str | None = "ORA-01017: it said why") -> V1Pod:
    """A pod that has ended so."""
    terminated = V1ContainerStateTerminated(exit_code=exit_code, message=message)
    status = V1ContainerStatus(
        name=RELEASE, image="i", image_id="i", ready=False, restart_count=0,
        state=V1ContainerState(terminated=terminated),
    )  # fmt: skip
    return V1Pod(
        metadata=V1ObjectMeta(name="it", namespace=NAMESPACE, labels={}),
        spec=V1PodSpec(containers=[]),
        status=V1PodStatus(
            phase="Failed" if exit_code else "Succeeded", container_statuses=[status]
        ),
    )


def permanent_exit_codes() -> set[int]:
    """2 is wrong usage, which no error class stands for."""
    kinds: list[type[errors.Failure]] = errors.Failure.__subclasses__()
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    worth_a_retry = {
        kind.exit_code for kind in (errors.JobError, errors.TemporaryError, errors.StoppedError)
    }
    return {2} | {kind.exit_code for kind in kinds} - worth_a_retry


class TestEnd:
    @pytest.mark.parametrize("exit_code", sorted(permanent_exit_codes()))
    def test_a_permanent_failure_is_not_tried_again(self, launched: Any, exit_code: int) -> None:
        with pytest.raises(AirflowException, match="it said why") as failure:
            launched.cleanup(ended(exit_code), ended(exit_code))
        assert type(failure.value).__name__ == "AirflowFailException"

    @pytest.mark.parametrize("exit_code", [1, 70, 75, 137, 143])
    def test_another_may_be(self, launched: Any, exit_code: int) -> None:
        with pytest.raises(AirflowException, match="it said why") as failure:
            launched.cleanup(ended(exit_code), ended(exit_code))
        assert type(failure.value).__name__ != "AirflowFailException"

    def test_success_raises_nothing(self, launched: Any) -> None:
        launched.cleanup(ended(0), ended(0))


def _as_sent(value: Any) -> Any:
    """As the API server gets it, without the fields that hold nothing."""
    if isinstance(value, dict):
        return {key: _as_sent(each) for key, each in value.items() if each not in ({}, [])}
    return [_as_sent(each) for each in value] if isinstance(value, list) else value
