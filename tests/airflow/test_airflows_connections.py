"""Airflow's own connections on their way to the pod, and nowhere else."""

import base64
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
)
from kubernetes.client import (
    ApiClient,
    V1Pod,
)
from kubernetes.client.exceptions import ApiException

from support.airflow_task import (
    Build,
    as_sent,
)
from support.chart import NAMESPACE, RELEASE, needs_helm


@needs_helm
class TestAirflowsConnections:
    """With the chart's `airflow.connections`, or where a caller asks for it."""

    @pytest.fixture(autouse=True)
    def connections(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_ORACLE_CONN_ID", "oracle://u:Secret-11@o.example/S")
        monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_CONN_ID", "postgres://u:Secret-22@p.example/d")

    def mounted(self, pod: V1Pod) -> Any:
        [volume] = [each for each in pod.spec.volumes if each.name == "connections"]
        return as_sent(ApiClient().sanitize_for_serialization(volume))

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
