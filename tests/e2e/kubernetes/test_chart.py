"""The chart by itself: Helm installs, checks and removes it, and its Job loads."""

from typing import Any

import pytest

from oracle_standin import OracleStandin
from support.chart import RELEASE, HelmError, helm, render
from support.e2e.cluster import Cluster
from support.e2e.mid_load import BATCH_ROWS, LONGEST_SECONDS, held_in_mid_load
from support.e2e.release import Install, Values
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase
from support.urls import with_password


def test_check_passes_and_leaves_no_pod(install: Install, cluster: Cluster) -> None:
    install()
    printed = helm("test", RELEASE, "--namespace", cluster.namespace)
    assert "Phase:          Succeeded" in printed
    assert cluster.pods() == []


def test_check_says_what_is_wrong(
    install: Install, values: Values, cluster: Cluster, target: TargetDatabase
) -> None:
    wrong = with_password(target.url, "Wrong-password-77")
    install(connections={**values["connections"], "postgres": wrong})
    with pytest.raises(HelmError, match="failed"):
        helm("test", RELEASE, "--namespace", cluster.namespace)
    [pod] = cluster.pods()
    log = cluster.core.read_namespaced_pod_log(pod.metadata.name, cluster.namespace)
    assert "FAILED  target connection" in log
    assert pod.status.container_statuses[0].state.terminated.exit_code == 77
    assert "Wrong-password-77" not in log
    cluster.kill(pod.metadata.name)


def test_uninstall_leaves_nothing(install: Install, cluster: Cluster) -> None:
    before = cluster.objects()
    install(cronJob={"enabled": cluster.has_cronjobs()})
    assert cluster.objects()["podtemplates"] == [RELEASE]
    helm("test", RELEASE, "--namespace", cluster.namespace)
    helm("uninstall", RELEASE, "--namespace", cluster.namespace, "--wait")
    cluster.wait_until(lambda: cluster.objects() == before)


def test_the_cronjobs_job_loads(
    install: Install,
    values: Values,
    cluster: Cluster,
    small_source: SourceDatabase,
    target: TargetDatabase,
) -> None:
    """As `kubectl create job --from=cronjob/…` makes it; CronJobs are newer than some labs."""
    install()
    cluster.batch.create_namespaced_job(cluster.namespace, _job_of_the_cronjob(values, cluster))
    cluster.wait_until(lambda: cluster.job_succeeded("by-hand"))
    assert target.rows() == small_source.rows()
    cluster.delete_job("by-hand")


def test_a_try_that_takes_too_long_is_stopped_and_a_later_one_has_all_its_time(
    install: Install,
    values: Values,
    cluster: Cluster,
    small_source: SourceDatabase,
    target: TargetDatabase,
    standin: OracleStandin,
) -> None:
    install(settings={**values["settings"], "ETL_BATCH_ROWS": BATCH_ROWS})
    with held_in_mid_load(standin) as in_mid_load:
        job = _job_of_the_cronjob({**values, "activeDeadlineSeconds": 10}, cluster)
        cluster.batch.create_namespaced_job(cluster.namespace, job)
        try:
            assert in_mid_load.wait(LONGEST_SECONDS)
            cluster.wait_until(
                lambda: "DeadlineExceeded" in {pod.status.reason for pod in cluster.pods()}
            )
            standin.faults.clear()
            cluster.wait_until(lambda: cluster.job_succeeded("by-hand"))
        finally:
            cluster.delete_job("by-hand")
    assert target.rows() == small_source.rows()


def _job_of_the_cronjob(values: Values, cluster: Cluster) -> dict[str, Any]:
    """What `kubectl create job --from=cronjob/…` makes, without what the cluster is too old for."""
    cronjob = render({**values, "cronJob": {"enabled": True}}).one("CronJob")
    spec = cronjob["spec"]["jobTemplate"]["spec"]
    if not cluster.has_cronjobs():
        del spec["podFailurePolicy"]
    return {"metadata": {"name": "by-hand"}, "spec": spec}
