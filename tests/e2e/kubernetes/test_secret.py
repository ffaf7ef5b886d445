"""The passwords are nowhere but where they must be."""

import base64
from urllib.parse import urlsplit

import pytest

from oracle_standin import OracleStandin
from support.chart import RELEASE
from support.e2e.airflow_process import AirflowProcess, Trigger
from support.e2e.cluster import Cluster
from support.e2e.release import Install, Values
from support.target_database import TargetDatabase


@pytest.mark.parametrize("keeper", ["release", "airflow"])
def test_a_password_is_in_no_pod_no_log_and_nothing_that_airflow_keeps(
    install: Install,
    values: Values,
    trigger: Trigger,
    airflow: AirflowProcess,
    cluster: Cluster,
    target: TargetDatabase,
    standin: OracleStandin,
    keeper: str,
) -> None:
    changed = {}
    if keeper == "airflow":
        connections = values["connections"]
        airflow.add_connection("oracle_conn_id", connections["oracle"])
        airflow.add_connection("postgres_conn_id", connections["postgres"])
        changed = {
            "connections": {"oracle": "", "postgres": ""},
            "airflow": {**values["airflow"], "connections": True},
        }
    install(settings={**values["settings"], "ETL_LOG_LEVEL": "DEBUG"}, **changed)
    secrets_before = cluster.objects()["secrets"]
    standin.faults.refuse_connections(12514, times=1)
    with cluster.watched_pods() as watched:
        done = trigger()
        assert done.state == "success", done.log
    assert cluster.objects()["secrets"] == secrets_before
    left = [airflow.everything_written(), str(list(watched.seen.values())).encode()]
    assert watched.seen
    assert RELEASE.encode() in left[0]
    for secret in (standin.password, str(urlsplit(target.url).password)):
        for form in (secret.encode(), base64.b64encode(secret.encode())):
            assert not [where for where in left if form in where]
