"""Under a real scheduler, local executor and triggerer: what outlives a worker, and who is woken.

The DAG stands in a subfolder, beside the guide's DAG that runs after a table has changed.
"""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.embedded_postgres import EmbeddedPostgres
from oracle_standin import OracleStandin
from support.documents import airflow_example
from support.e2e.cluster import Cluster
from support.e2e.deployed_airflow import DeployedAirflow
from support.e2e.mid_load import BATCH_ROWS, LONGEST_SECONDS, held_in_mid_load
from support.e2e.release import Install, Values, airflow_environ
from support.project import PROJECT
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

DAG, DOWNSTREAM = "etl_sales_target", "after_sales_target"
# Nothing runs but what a test triggers.
UNSCHEDULED = {"schedule": None}


@pytest.fixture(scope="module", params=[".venv-airflow", ".venv-airflow-2"])
def airflow(
    cluster: Cluster,
    kubeconfig: Path,
    image: str,
    postgres: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[DeployedAirflow]:
    """Airflow 3, and Airflow 2, with the report in XCom, which assets need."""
    if not (PROJECT / request.param / "ready").exists():
        pytest.skip(f"needs `make {request.param}/ready`")
    name = f"metadata{request.param}"
    database_url = postgres.create_database(name)
    environ = airflow_environ(cluster.namespace, kubeconfig, image, xcom=True)
    environ["ETL_SALES_TARGET_DAG"] = json.dumps(UNSCHEDULED)
    dags = {f"{DOWNSTREAM}.py": airflow_example(DOWNSTREAM)}
    home = tmp_path_factory.mktemp("deployed-airflow")
    with DeployedAirflow(request.param, home, database_url, environ=environ, dags=dags) as started:
        yield started
    postgres.drop_database(name)


@pytest.fixture
def run_id(airflow: DeployedAirflow) -> Iterator[str]:
    """The name of a run to come; the next test starts with nothing under way."""
    yield f"of-a-test-{uuid.uuid4().hex[:8]}"
    airflow.records.abandon_runs()


@pytest.fixture
def deferrable(airflow: DeployedAirflow) -> Iterator[None]:
    """Loads are followed in the triggerer."""
    settings = json.dumps({**UNSCHEDULED, "deferrable": True})
    airflow.restart("scheduler", ETL_SALES_TARGET_DAG=settings)
    yield
    airflow.restart("scheduler")


@pytest.fixture
def installed(install: Install, values: Values) -> None:
    """The release, with small batches."""
    install(
        settings={**values["settings"], "ETL_BATCH_ROWS": BATCH_ROWS},
        airflow={**values["airflow"], "xcom": True},
    )


def end_of(airflow: DeployedAirflow, run_id: str, dag_id: str = DAG) -> str:
    """Waits for the end of the run; returns its state."""
    airflow.wait_until(lambda: airflow.records.runs(dag_id)[run_id] in {"success", "failed"})
    return airflow.records.runs(dag_id)[run_id]


@pytest.mark.usefixtures("installed", "deferrable")
def test_the_triggerer_follows_a_deferred_load(
    airflow: DeployedAirflow,
    run_id: str,
    cluster: Cluster,
    standin: OracleStandin,
    small_source: SourceDatabase,
    target: TargetDatabase,
) -> None:
    with cluster.watched_pods() as watched:
        with held_in_mid_load(standin) as in_mid_load:
            airflow.trigger(run_id)
            assert in_mid_load.wait(LONGEST_SECONDS)
            airflow.wait_until(lambda: airflow.records.is_followed(run_id))
            airflow.wait_until(lambda: not airflow.has_worker(run_id))
        assert end_of(airflow, run_id) == "success"
    assert airflow.records.load(run_id).tries == 1
    assert len(watched.seen) == 1
    assert target.rows() == small_source.rows()
    assert airflow.records.events()[-1]["rows_inserted"] == 24
    cluster.wait_until(lambda: not cluster.pods())


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("grace_seconds", [4, 0], ids=["stopped", "lost"])
def test_the_next_try_takes_over_the_pod_of_a_worker_that_is_gone(
    airflow: DeployedAirflow,
    run_id: str,
    cluster: Cluster,
    standin: OracleStandin,
    small_source: SourceDatabase,
    target: TargetDatabase,
    grace_seconds: float,
) -> None:
    with cluster.watched_pods() as watched:
        with held_in_mid_load(standin) as in_mid_load:
            airflow.trigger(run_id)
            assert in_mid_load.wait(LONGEST_SECONDS)
            airflow.end_worker(run_id, grace_seconds=grace_seconds)
            airflow.wait_until(lambda: airflow.records.load(run_id)[:2] == ("running", 2))
        assert end_of(airflow, run_id) == "success"
    assert len(watched.seen) == 1
    runs = target.query("SELECT triggered_by, outcome FROM mb.etl_sales_target_runs")
    assert runs == [(f"{DAG} {run_id} try 1", "succeeded")]
    assert target.rows() == small_source.rows()
    left_running = "The pod is left running" in airflow.log(DAG, run_id)
    assert left_running == bool(grace_seconds)
    cluster.wait_until(lambda: not cluster.pods())


@pytest.mark.usefixtures("installed")
def test_only_a_load_that_changed_rows_wakes_another_dag(
    airflow: DeployedAirflow, run_id: str, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    airflow.wait_until(airflow.records.is_idle)
    events, woken = len(airflow.records.events()), set(airflow.records.runs(DOWNSTREAM))

    def load(name: str) -> None:
        airflow.trigger(f"{run_id}-{name}")
        assert end_of(airflow, f"{run_id}-{name}") == "success"

    def said() -> str:
        """By the runs of the other DAG since."""
        airflow.wait_until(airflow.records.is_idle)
        began = sorted(set(airflow.records.runs(DOWNSTREAM)) - woken)
        return "\n".join(airflow.log(DOWNSTREAM, each) for each in began)

    load("first")
    assert said().count("changed:") == said().count("changed: 24 0") == 1
    load("unchanged")
    assert said().count("changed:") == 1
    small_source.execute("UPDATE {table} SET target_amount = 8 WHERE id = 13")
    load("edited")
    assert said().count("changed: 1 1") == 1

    columns = ("run_id", "run_number", "rows_inserted", "rows_deleted", "rows_target")
    loads = target.query(
        f"SELECT {', '.join(columns)} FROM mb.etl_sales_target_runs WHERE rows_inserted > 0"
        " ORDER BY run_number"
    )
    emitted = airflow.records.events()[events:]
    assert [tuple(each[name] for name in columns) for each in emitted] == loads
    assert all(each["snapshot"] for each in emitted)
