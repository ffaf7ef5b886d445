"""A pod killed and a task timed out in mid-load."""

from oracle_standin import OracleStandin
from support.e2e.airflow_process import AirflowProcess
from support.e2e.cluster import Cluster
from support.e2e.mid_load import BATCH_ROWS, LONGEST_SECONDS, held_in_mid_load
from support.e2e.release import Install, Values
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase


def test_a_pod_killed_in_mid_load_is_replaced(
    install: Install,
    values: Values,
    airflow: AirflowProcess,
    environ: dict[str, str],
    cluster: Cluster,
    standin: OracleStandin,
    small_source: SourceDatabase,
    target: TargetDatabase,
) -> None:
    install(settings={**values["settings"], "ETL_BATCH_ROWS": BATCH_ROWS})
    with held_in_mid_load(standin) as in_mid_load:
        running = airflow.start(environ)
        assert in_mid_load.wait(LONGEST_SECONDS)
        cluster.kill(cluster.running_pod())
    done = running.result(LONGEST_SECONDS)
    assert (done.state, done.tries) == ("success", 2), done.log
    assert target.rows() == small_source.rows()


def test_a_timeout_leaves_no_second_pod(
    install: Install,
    values: Values,
    airflow: AirflowProcess,
    environ: dict[str, str],
    cluster: Cluster,
    standin: OracleStandin,
    small_source: SourceDatabase,
    target: TargetDatabase,
) -> None:
    install(settings={**values["settings"], "ETL_BATCH_ROWS": BATCH_ROWS})
    with cluster.watched_pods() as watched:
        with held_in_mid_load(standin) as in_mid_load:
            running = airflow.start(environ, retry_delay=10, execution_timeout=15)
            assert in_mid_load.wait(LONGEST_SECONDS)
            first = cluster.running_pod()
            cluster.wait_until(lambda: cluster.is_being_deleted(first))
        done = running.result(LONGEST_SECONDS)
    assert (done.state, done.tries) == ("success", 2), done.log
    assert len(watched.seen) == 2
    assert watched.most_at_once == 1
    assert target.rows() == small_source.rows()
