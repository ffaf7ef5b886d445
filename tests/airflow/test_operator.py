"""The pod that the operator asks for: the chart's, with the run's arguments and identity."""

import base64
import contextlib
import copy
import json
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import etl_sales_target_stopping as stopping
import pytest
import yaml
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowTaskTimeout,
)
from etl_sales_target_arguments import chosen_tables, job_arguments
from etl_sales_target_operator import EtlSalesTargetOperator, EtlTablesOperator
from kubernetes.client import (
    ApiClient,
    V1ContainerState,
    V1ContainerStateTerminated,
    V1ContainerStatus,
    V1EnvVar,
    V1ObjectMeta,
    V1Pod,
    V1PodSpec,
    V1PodStatus,
)
from kubernetes.client.exceptions import ApiException

from etl_sales_target.core import errors

try:
    from airflow.sdk.execution_time.context import OutletEventAccessors
except ImportError:  # Airflow 2
    from airflow.utils.context import OutletEventAccessors

from support.chart import NAMESPACE, RELEASE, needs_helm, render

LOGICAL_DATE = datetime(2026, 1, 2, tzinfo=UTC)
RUN_ID = "scheduled__2026-01-02T00:00:00+00:00"
PARAMS = {
    "tables": None,
    "full": False,
    "from": None,
    "to": None,
    "allow_shrink": False,
    "check": False,
}
TABLE = "mb.sales_target"

# What the operator tells the job, beside the chart's settings.
OWN = {"ETL_TRIGGERED_BY", "ETL_LOG_FORMAT", "OPENLINEAGE_PARENT_ID"}

Build = Callable[..., V1Pod]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What an API server would answer, by path; anything else is 404. Airflow is told of it.

    Under "POST …" is the answer to a POST to that path, and what was sent is added to "posted".
    """
    answers: dict[str, Any] = {"posted": []}

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            found = answers.get(self.path)
            body = found or {"kind": "Status", "code": 404, "message": f"no {self.path}"}
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answers["posted"].append((self.path, sent))
            code, body = answers.get(f"POST {self.path}", (201, sent))
            self.send_response(code)
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
    """The DAG's task for one table, ready to run."""
    return dag.get_task("load").unmap({"table": TABLE}).prepare_for_execution()


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
        with_task: Any = None,
    ) -> V1Pod:
        variable = variable or {}
        namespace = variable.get("namespace", NAMESPACE)
        name = variable.get("pod_template", RELEASE)
        path = f"/api/v1/namespaces/{namespace}/podtemplates/{name}"
        api[path] = render({"fullnameOverride": name, **(values or {})}).one("PodTemplate")
        context = context_of(dag, params, variable)
        task = with_task or operator
        task.render_template_fields(context)
        task.prepare(context)
        return task.build_pod_request_obj(context)

    return pod


def context_of(
    dag: Any, params: dict[str, Any] | None = None, variable: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What Airflow tells a task of a run with these params, where this Variable is set."""
    return {
        "dag": dag,
        "ti": SimpleNamespace(
            dag_id=dag.dag_id,
            task_id="load",
            map_index=0,
            try_number=2,
            logical_date=LOGICAL_DATE,
            dag_run=SimpleNamespace(logical_date=LOGICAL_DATE),
            get_template_context=dict,
        ),
        "run_id": RUN_ID,
        "params": {**PARAMS, **(params or {})},
        "var": {"json": {"etl_sales_target": variable} if variable else {}},
    }


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
        sent = _as_sent(ApiClient().sanitize_for_serialization(pod))
        environment = sent["spec"]["containers"][0].pop("env")
        own = [each for each in environment if each["name"] in OWN]
        assert {each["name"] for each in own} == OWN
        of_the_chart = [each for each in environment if each not in own]
        assert of_the_chart == template["spec"]["containers"][0].pop("env")
        assert sent["spec"].pop("activeDeadlineSeconds") == 4 * 3600
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


@needs_helm
class TestAirflowsConnections:
    """With the chart's `airflow.connections`, or where a caller asks for it."""

    @pytest.fixture(autouse=True)
    def connections(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_ORACLE_CONN_ID", "oracle://u:Secret-11@o.example/S")
        monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_CONN_ID", "postgres://u:Secret-22@p.example/d")

    def mounted(self, pod: V1Pod) -> Any:
        [volume] = [each for each in pod.spec.volumes if each.name == "connections"]
        return _as_sent(ApiClient().sanitize_for_serialization(volume))

    def test_take_the_place_of_the_releases(self, build: Build) -> None:
        pod = build(values={"airflow": {"connections": True}})
        own = {"key": "AIRFLOW_CONN_ORACLE_CONN_ID", "path": "AIRFLOW_CONN_ORACLE_CONN_ID"}
        volume = self.mounted(pod)
        of_pod, of_release = (each["secret"] for each in volume["projected"]["sources"])
        assert volume["projected"]["defaultMode"] == 0o440
        assert of_pod["name"] == f"{pod.metadata.name}-connections"
        assert own in of_pod["items"]
        assert "optional" not in of_pod
        assert (of_release["name"], of_release["optional"]) == (f"{RELEASE}-connections", True)
        assert [each["key"] for each in of_release["items"]] == [
            "ETL_PUSHGATEWAY_PASSWORD",
            "OPENLINEAGE_API_KEY",
        ]

    @pytest.mark.parametrize(
        ("of_chart", "of_variable", "is_on"),
        [(True, None, True), (False, None, False), (False, True, True), (True, False, False)],
    )
    def test_are_the_charts_choice_or_the_variables(
        self, build: Build, of_chart: bool, of_variable: bool | None, is_on: bool
    ) -> None:
        variable = {} if of_variable is None else {"connections": of_variable}
        pod = build(variable=variable, values={"airflow": {"connections": of_chart}})
        assert ("projected" in self.mounted(pod)) == is_on

    @pytest.fixture
    def start(self, build: Build, api: dict[str, Any], launched: Any) -> Callable[[], V1Pod]:
        """Starts the pod, as `execute` does."""

        def started() -> V1Pod:
            pod = build(values={"airflow": {"connections": True}})
            path = f"/api/v1/namespaces/{NAMESPACE}/pods"
            launched.reattach_on_restart = False
            named = {"name": pod.metadata.name, "namespace": NAMESPACE, "uid": "u-1"}
            api[f"{path}/{pod.metadata.name}"] = {"kind": "Pod", "metadata": named}
            return launched.get_or_create_pod(pod, {})

        return started

    def test_are_in_a_secret_that_goes_with_the_pod(
        self, start: Callable[[], V1Pod], api: dict[str, Any], launched: Any
    ) -> None:
        pod = start()
        (pods, sent_pod), (secrets, secret) = api["posted"]
        assert (pods, secrets) == tuple(
            f"/api/v1/namespaces/{NAMESPACE}/{kind}" for kind in ("pods", "secrets")
        )
        assert secret["metadata"]["name"] == f"{pod.metadata.name}-connections"
        assert secret["metadata"]["ownerReferences"] == [
            {"apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name, "uid": "u-1"}
        ]
        assert "Secret-11" in secret["stringData"]["AIRFLOW_CONN_ORACLE_CONN_ID"]
        assert "Secret-22" in secret["stringData"]["AIRFLOW_CONN_POSTGRES_CONN_ID"]
        elsewhere = [json.dumps(sent_pod), str(vars(launched))]
        assert not [where for where in elsewhere if "Secret-11" in where or "Secret-22" in where]

    def test_that_a_try_before_handed_on_stay(
        self, start: Callable[[], V1Pod], api: dict[str, Any]
    ) -> None:
        api[f"POST /api/v1/namespaces/{NAMESPACE}/secrets"] = (409, {"message": "exists"})
        assert start().metadata.name

    def test_are_not_logged_at_any_level(
        self, start: Callable[[], V1Pod], caplog: pytest.LogCaptureFixture
    ) -> None:
        loggers = [logging.getLogger(name) for name in ("", *logging.root.manager.loggerDict)]
        before = {logger: (logger.level, logger.disabled) for logger in loggers}
        try:
            for logger in loggers:
                logger.setLevel(logging.DEBUG)
                logger.disabled = False
            start()
        finally:
            for logger, (level, disabled) in before.items():
                logger.setLevel(level)
                logger.disabled = disabled
        assert "response body" in caplog.text
        for secret in (b"Secret-11", b"Secret-22"):
            assert secret.decode() not in caplog.text
            assert base64.b64encode(secret).decode() not in caplog.text

    def test_that_cannot_be_handed_on_leave_no_pod(
        self, start: Callable[[], V1Pod], api: dict[str, Any], monkeypatch: pytest.MonkeyPatch,
        launched: Any,
    ) -> None:  # fmt: skip
        deleted: list[str] = []
        monkeypatch.setattr(
            launched.pod_manager, "delete_pod", lambda pod: deleted.append(pod.metadata.name)
        )
        api[f"POST /api/v1/namespaces/{NAMESPACE}/secrets"] = (403, {"message": "no"})
        with pytest.raises(ApiException):
            start()
        assert deleted == [api["posted"][0][1]["metadata"]["name"]]

    def test_that_airflow_does_not_have_start_none(
        self, start: Callable[[], V1Pod], api: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AIRFLOW_CONN_ORACLE_CONN_ID")
        with pytest.raises(AirflowFailException, match="has no connection 'oracle_conn_id'"):
            start()
        assert api["posted"] == []


class TestAssets:
    """The events that a run emits, once it has its report."""

    REPORT = MappingProxyType(
        {
            "run_id": "r1",
            "run_number": 7,
            "snapshot": "2026-01-02T00:00:01",
            "target": "mb.sales_target",
            "rows_inserted": 3,
            "rows_deleted": 2,
            "rows_target": 24,
            "rows_read": 5,
        }
    )

    def emitted(self, operator: Any, report: Any) -> list[tuple[str, dict[str, Any]]]:
        events = OutletEventAccessors()
        operator._emit_assets({"outlet_events": events}, report)
        [alias] = operator.outlets
        found = events[alias]
        added = getattr(found, "asset_alias_events", None)
        if added is None:
            added = found.dataset_alias_events  # type: ignore[attr-defined]
            return [(each["dest_dataset_uri"], each["extra"]) for each in added]
        return [(each.dest_asset_key.uri, each.extra) for each in added]

    def test_of_a_run_that_changed_rows(self, operator: Any) -> None:
        [(uri, extra)] = self.emitted(operator, dict(self.REPORT))
        assert uri == "x-etl-sales-target://mb.sales_target"
        kept = ("run_id", "run_number", "snapshot", "rows_inserted", "rows_deleted", "rows_target")
        assert extra == {name: self.REPORT[name] for name in kept}

    @pytest.mark.parametrize("wanted", [True, False])
    def test_of_a_run_that_changed_nothing(self, operator: Any, wanted: bool) -> None:
        operator.assets_when_unchanged = wanted
        unchanged = {**self.REPORT, "rows_inserted": 0, "rows_deleted": 0}
        assert len(self.emitted(operator, unchanged)) == wanted

    def test_of_several_tables(self, operator: Any) -> None:
        operator.asset_uri = "postgres://db.example:5432/warehouse/{schema}/{name}"
        other = {**self.REPORT, "target": "mb.b$1", "rows_deleted": 0}
        uris = [uri for uri, _ in self.emitted(operator, [dict(self.REPORT), other])]
        assert uris == [
            "postgres://db.example:5432/warehouse/mb/sales_target",
            "postgres://db.example:5432/warehouse/mb/b%241",
        ]

    def test_that_airflow_refuses_are_refused_before_any_run(self) -> None:
        with pytest.raises(ValueError, match="reserved"):
            EtlSalesTargetOperator(
                task_id="load", pod_template=RELEASE, asset_uri="airflow://{table}"
            )

    def test_need_a_report(self, operator: Any) -> None:
        assert self.emitted(operator, None) == []


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


class TestStop:
    """`on_kill`, by the state that Airflow has on record for the task."""

    @pytest.fixture
    def deleted(self, launched: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The names of the pods that the running task has deleted."""
        names: list[str] = []
        launched.pod = launched.remote_pod = ended(0)
        delete = lambda name, *_, **__: names.append(name)  # noqa: E731
        monkeypatch.setattr(launched.client, "delete_namespaced_pod", delete)
        return names

    def stop(self, operator: Any, state: str | None, *, try_number: int = 1) -> None:
        """As Airflow does where it has this state of the task on record."""
        operator._ti = SimpleNamespace(
            dag_id="d", task_id="load", run_id="r", map_index=0, max_tries=1,
            try_number=try_number, get_task_states=lambda **_: {"r": {"load_0": state}},
        )  # fmt: skip
        operator.on_kill()

    @pytest.mark.parametrize("state", ["running", "up_for_retry", "queued", "scheduled"])
    def test_of_a_worker_leaves_the_pod(
        self, launched: Any, deleted: list[str], state: str
    ) -> None:
        self.stop(launched, state)
        assert deleted == []

    @pytest.mark.parametrize("state", ["failed", "success", "skipped", "restarting", None])
    def test_of_the_task_deletes_it(
        self, launched: Any, deleted: list[str], state: str | None
    ) -> None:
        self.stop(launched, state)
        assert deleted == ["it"]

    def test_of_the_last_try_deletes_it(self, launched: Any, deleted: list[str]) -> None:
        self.stop(launched, "running", try_number=2)
        assert deleted == ["it"]

    def test_by_a_timeout_deletes_it(self, launched: Any, deleted: list[str]) -> None:
        try:
            raise AirflowTaskTimeout  # noqa: TRY301 - as Airflow calls it
        except AirflowTaskTimeout:
            self.stop(launched, "running")
        assert deleted == ["it"]

    def test_deletes_it_if_airflow_does_not_answer(
        self, launched: Any, deleted: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stopping, "_ANSWER_SECONDS", 0.1)
        silence = threading.Event()
        launched._ti = SimpleNamespace(
            try_number=1, max_tries=1, current_state=lambda: silence.wait(10)
        )
        launched.on_kill()
        silence.set()
        assert deleted == ["it"]

    def test_is_no_success(self, launched: Any, deleted: list[str]) -> None:
        self.stop(launched, "failed")
        assert deleted == ["it"]
        with pytest.raises(AirflowException, match="was stopped"):
            launched.cleanup(ended(0), ended(0))

    @pytest.mark.parametrize("is_left", [True, False])
    def test_leaves_a_pod_through_airflow_2s_end_of_the_task(
        self, launched: Any, deleted: list[str], is_left: bool
    ) -> None:
        self.stop(launched, "running" if is_left else "failed")
        deleted.clear()
        launched._killed = False
        with contextlib.suppress(stopping.AirflowTaskTerminated):
            try:
                raise stopping.AirflowTaskTerminated
            finally:
                launched.cleanup(ended(0), ended(0))
        assert deleted == ([] if is_left else ["it"])

    def test_a_pod_that_the_worker_left_and_followed_to_its_end_is_deleted(
        self, launched: Any, deleted: list[str]
    ) -> None:
        """Airflow 3 lets the task go on until its worker is killed."""
        self.stop(launched, "running")
        launched.cleanup(ended(0), ended(0))
        assert deleted == ["it"]


def _as_sent(value: Any) -> Any:
    """As the API server gets it, without the fields that hold nothing."""
    if isinstance(value, dict):
        return {key: _as_sent(each) for key, each in value.items() if each not in ({}, [])}
    return [_as_sent(each) for each in value] if isinstance(value, list) else value
