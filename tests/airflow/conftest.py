"""What the tests with Airflow need: a home of its own that is gone after them, and the DAG."""

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import V1Pod

from support.airflow_task import TABLE, Build, api_server, context_of
from support.chart import NAMESPACE, RELEASE, render
from support.project import PROJECT

DAGS = PROJECT / "dag"

# As Airflow itself, which has its DAGs folder on the path.
sys.path.append(str(DAGS))

_home = tempfile.TemporaryDirectory(prefix="airflow-")
os.environ |= {
    "AIRFLOW_HOME": _home.name,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    # Airflow compiles all secrets it ever saw anew for each further one: none is long enough.
    "AIRFLOW__LOGGING__MIN_LENGTH_MASKED_SECRET": "1000000",
}


def pytest_configure(config: pytest.Config) -> None:
    """Airflow's own warnings are not this project's to mend."""
    config.addinivalue_line("filterwarnings", "ignore")


def pytest_unconfigure() -> None:
    """Remove Airflow's home."""
    _home.cleanup()


@pytest.fixture(scope="session")
def bag() -> Any:
    """The DAG's folder as a scheduler parses it, where there is no database and no network."""

    def refuse(_self: socket.socket, address: object) -> None:
        raise AssertionError(f"parsing the DAG opened a connection to {address}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        return _parse(DAGS)


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Parses the folder of the DAG, or another, anew under these settings of the installation."""

    def parse_folder(settings: str = "", folder: Path = DAGS) -> Any:
        monkeypatch.setenv("ETL_SALES_TARGET_DAG", settings)
        return _parse(folder)

    return parse_folder


def _parse(folder: Path) -> Any:
    try:
        from airflow.dag_processing.dagbag import BundleDagBag  # noqa: PLC0415
    except ImportError:  # Airflow 2
        from airflow.models import DagBag  # noqa: PLC0415

        return DagBag(folder)
    return BundleDagBag(folder, bundle_path=folder, bundle_name="dags-folder")


@pytest.fixture
def dag(bag: Any) -> Any:
    """The DAG."""
    return bag.dags["etl_sales_target"]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The answers of an API server that Airflow is told of; see `api_server`."""
    with api_server(tmp_path) as answers:
        yield answers


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
