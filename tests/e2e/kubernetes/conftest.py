"""Chart, DAG and image together: Airflow's own operator on a real API server and kubelet.

Airflow holds the rights of the chart's Role and no others.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.chart import CHART, RELEASE, HelmError, helm
from support.e2e.airflow_process import AirflowProcess, DagRun, Trigger
from support.e2e.cluster import Cluster, cluster_error
from support.e2e.release import Install, Values, airflow_environ
from support.project import PROJECT
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

LAUNCHER = "airflow-worker"
_RUN_SECONDS = 120


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster with two namespaces for these tests, gone after them."""
    error = cluster_error()
    if error:
        pytest.skip(f"needs a Kubernetes cluster: {error}")
    with Cluster() as found:
        yield found


@pytest.fixture(scope="session")
def kubeconfig(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of Airflow's service account."""
    return cluster.kubeconfig_of(LAUNCHER, tmp_path_factory.mktemp("kubeconfig"))


@pytest.fixture(scope="session")
def airflows(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], AirflowProcess]]:
    """Starts the Airflow of an environment, once."""
    with contextlib.ExitStack() as started:

        @functools.cache
        def start(environment: str) -> AirflowProcess:
            home = tmp_path_factory.mktemp("airflow")
            return started.enter_context(AirflowProcess(environment, home))

        yield start


@pytest.fixture(params=[".venv-airflow", ".venv-airflow-2"])
def airflow(
    cluster: Cluster,
    airflows: Callable[[str], AirflowProcess],
    request: pytest.FixtureRequest,
) -> AirflowProcess:
    """Airflow 3, and Airflow 2."""
    if not (PROJECT / request.param / "ready").exists():
        pytest.skip(f"needs `make {request.param}/ready`")
    return airflows(request.param)


@pytest.fixture
def values(
    cluster: Cluster, image: str, small_source: SourceDatabase, target: TargetDatabase
) -> Values:
    """The databases of the test, which listen on this machine's loopback only."""
    repository, _, tag = image.partition(":")
    return {
        "image": {"repository": repository, "tag": tag},
        "hostNetwork": True,
        "connections": {"oracle": small_source.uri, "postgres": target.url},
        "settings": {
            "ETL_SOURCE_TABLE": small_source.table,
            "ETL_CONNECT_TIMEOUT_SECONDS": 5,
            "ETL_RETRY_BUDGET_SECONDS": 0,
        },
        "airflow": {"serviceAccounts": [LAUNCHER], "namespace": cluster.airflow_namespace},
    }


@pytest.fixture
def install(cluster: Cluster, values: Values) -> Iterator[Install]:
    """`helm install`, with changed values; the release is gone after the test."""

    def install_release(**changed: object) -> None:
        helm(
            "install", RELEASE, str(CHART), "--namespace", cluster.namespace,
            values={**values, **changed},
        )  # fmt: skip

    yield install_release
    with contextlib.suppress(HelmError):
        helm("uninstall", RELEASE, "--namespace", cluster.namespace, "--wait")
    cluster.wait_until(lambda: not cluster.pods())


@pytest.fixture
def environ(cluster: Cluster, kubeconfig: Path, image: str) -> dict[str, str]:
    """What tells Airflow where the cluster and the release are."""
    return airflow_environ(cluster.namespace, kubeconfig, image)


@pytest.fixture
def trigger(airflow: AirflowProcess, environ: dict[str, str]) -> Trigger:
    """Runs the DAG to its end."""

    def run(**conf: object) -> DagRun:
        return airflow.start(environ, conf).result(_RUN_SECONDS)

    return run
