"""Chart, DAG and image together: Airflow's own operator on a real API server and kubelet.

Airflow holds the rights of the chart's Role and no others.
"""

import base64
import contextlib
import functools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from oracle_standin import OracleStandin
from support.chart import CHART, RELEASE, HelmError, helm, render
from support.e2e.airflow_process import AirflowProcess, DagRun
from support.e2e.cluster import Cluster, cluster_error
from support.project import PROJECT
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase
from support.urls import with_password

LAUNCHER = "airflow-worker"
_RUN_SECONDS = 120
_ROWS_BEFORE_THE_HOLD = 10
# The query for the rows themselves: the others end in a count, a sum or a hash.
_ROWS_QUERY = "target_amount \nFROM"

Values = dict[str, Any]
Install = Callable[..., None]
Trigger = Callable[..., DagRun]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster with two namespaces for these tests, gone after them."""
    error = cluster_error()
    if error:
        pytest.skip(f"needs a Kubernetes cluster: {error}")
    with Cluster() as found:
        yield found


@pytest.fixture(scope="module")
def kubeconfig(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of Airflow's service account."""
    return cluster.kubeconfig_of(LAUNCHER, tmp_path_factory.mktemp("kubeconfig"))


@pytest.fixture(scope="module")
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
    kubernetes = {"kube_config_path": str(kubeconfig), "xcom_sidecar_container_image": image}
    return {
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps(
            {"conn_type": "kubernetes", "extra": kubernetes}
        ),
        "AIRFLOW_VAR_ETL_SALES_TARGET": json.dumps({"namespace": cluster.namespace}),
    }


@pytest.fixture
def trigger(airflow: AirflowProcess, environ: dict[str, str]) -> Trigger:
    """Runs the DAG to its end."""

    def run(**conf: object) -> DagRun:
        return airflow.start(environ, conf).result(_RUN_SECONDS)

    return run


class TestHelm:
    def test_check_passes_and_leaves_no_pod(self, install: Install, cluster: Cluster) -> None:
        install()
        printed = helm("test", RELEASE, "--namespace", cluster.namespace)
        assert "Phase:          Succeeded" in printed
        assert cluster.pods() == []

    def test_check_says_what_is_wrong(
        self, install: Install, values: Values, cluster: Cluster, target: TargetDatabase
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

    def test_uninstall_leaves_nothing(self, install: Install, cluster: Cluster) -> None:
        before = cluster.objects()
        install(cronJob={"enabled": cluster.has_cronjobs()})
        assert cluster.objects()["podtemplates"] == [RELEASE]
        helm("test", RELEASE, "--namespace", cluster.namespace)
        helm("uninstall", RELEASE, "--namespace", cluster.namespace, "--wait")
        cluster.wait_until(lambda: cluster.objects() == before)

    def test_the_cronjobs_job_loads(
        self,
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
        self,
        install: Install,
        values: Values,
        cluster: Cluster,
        small_source: SourceDatabase,
        target: TargetDatabase,
        standin: OracleStandin,
    ) -> None:
        install(settings={**values["settings"], "ETL_BATCH_ROWS": 5})
        with _held_in_mid_load(standin) as in_mid_load:
            job = _job_of_the_cronjob({**values, "activeDeadlineSeconds": 10}, cluster)
            cluster.batch.create_namespaced_job(cluster.namespace, job)
            try:
                assert in_mid_load.wait(_RUN_SECONDS)
                cluster.wait_until(
                    lambda: "DeadlineExceeded" in {pod.status.reason for pod in cluster.pods()}
                )
                standin.faults.clear()
                cluster.wait_until(lambda: cluster.job_succeeded("by-hand"))
            finally:
                cluster.delete_job("by-hand")
        assert target.rows() == small_source.rows()


class TestRun:
    def test_loads_and_then_has_nothing_to_do(
        self,
        install: Install,
        trigger: Trigger,
        cluster: Cluster,
        small_source: SourceDatabase,
        target: TargetDatabase,
    ) -> None:
        install()
        first = trigger()
        assert (first.state, first.tries) == ("success", 1), first.log
        assert target.rows() == small_source.rows()
        triggered_by, copied = target.last_run("triggered_by", "rows_read")
        assert triggered_by == f"etl_sales_target {first.run_id} try 1"
        assert copied == 24

        second = trigger()
        assert second.state == "success", second.log
        assert target.last_run("mode", "rows_read", "rows_deleted") == ("run", 0, 0)
        assert cluster.pods() == []

    @pytest.mark.parametrize(
        ("conf", "mode", "months"),
        [
            ({"full": True}, "full", list(range(1, 13))),
            ({"from": "2024-02", "to": "2024-04"}, "backfill", [2, 3, 4]),
        ],
    )
    def test_by_hand(
        self,
        install: Install,
        trigger: Trigger,
        target: TargetDatabase,
        conf: dict[str, Any],
        mode: str,
        months: list[int],
    ) -> None:
        install()
        assert trigger().state == "success"
        target.execute("UPDATE mb.sales_target SET target_amount = -1")
        assert trigger(**conf).state == "success"
        assert target.last_run("mode") == (mode,)
        restored = target.query(
            "SELECT DISTINCT target_month::int FROM mb.sales_target"
            " WHERE target_amount IS DISTINCT FROM -1 ORDER BY 1"
        )
        assert restored == [(month,) for month in months]

    @pytest.mark.parametrize(
        ("conf", "said"),
        [
            ({"from": "2024-02"}, "Set both params, from and to, or neither."),
            ({"from": "2024-02", "to": "2024-01"}, "is before from"),
            ({"form": "2024-02"}, "Unknown param form"),
        ],
    )
    def test_params_that_do_not_go_together_start_no_pod(
        self, install: Install, trigger: Trigger, cluster: Cluster, conf: dict[str, Any], said: str
    ) -> None:
        install()
        with cluster.watched_pods() as watched:
            done = trigger(**conf)
        assert (done.state, done.tries) == ("failed", 1)
        assert said in done.log
        assert watched.seen == {}

    def test_a_param_that_is_no_month_is_refused_when_triggered(self, trigger: Trigger) -> None:
        done = trigger(**{"from": "2024-13", "to": "2024-14"})
        assert done.state == "refused"
        assert "ParamValidationError" in done.error

    def test_report_in_xcom(
        self, install: Install, values: Values, trigger: Trigger, environ: dict[str, str]
    ) -> None:
        install(airflow={**values["airflow"], "xcom": True})
        where = json.loads(environ["AIRFLOW_VAR_ETL_SALES_TARGET"])
        environ["AIRFLOW_VAR_ETL_SALES_TARGET"] = json.dumps({**where, "xcom": True})
        done = trigger()
        assert done.state == "success", done.log
        assert done.report["rows_read"] == 24


class TestFailure:
    def test_a_passing_one_is_tried_once_more(
        self,
        install: Install,
        trigger: Trigger,
        standin: OracleStandin,
        small_source: SourceDatabase,
        target: TargetDatabase,
    ) -> None:
        standin.faults.refuse_connections(12514, times=1)
        install()
        done = trigger()
        assert (done.state, done.tries) == ("success", 2), done.log
        assert "DPY-6001" in done.log
        assert target.rows() == small_source.rows()

    def test_one_that_stays_fails_after_the_retry(
        self, install: Install, trigger: Trigger, standin: OracleStandin
    ) -> None:
        standin.faults.refuse_connections(12514)
        install()
        done = trigger()
        assert done.state == "failed"
        assert "Not retried" not in done.log
        assert standin.connections == 2

    def test_a_wrong_password_is_tried_once_only(
        self,
        install: Install,
        values: Values,
        trigger: Trigger,
        standin: OracleStandin,
        small_source: SourceDatabase,
    ) -> None:
        wrong = with_password(small_source.uri, "Wrong-password-77")
        install(connections={**values["connections"], "oracle": wrong})
        done = trigger()
        assert (done.state, done.tries) == ("failed", 1)
        assert standin.login_attempts == 1
        assert "Not retried: not allowed." in done.log
        assert "ORA-01017" in done.log
        assert "Wrong-password-77" not in done.log

    def test_a_source_that_lost_its_rows_waits_for_somebody(
        self,
        install: Install,
        trigger: Trigger,
        small_source: SourceDatabase,
        target: TargetDatabase,
    ) -> None:
        install()
        assert trigger().state == "success"
        small_source.execute("DELETE FROM {table} WHERE id > 3")
        refused = trigger()
        assert (refused.state, refused.tries) == ("failed", 1)
        assert "Not retried: the reconciliation or a guard failed." in refused.log
        assert len(target.rows()) == 24
        assert trigger(allow_shrink=True).state == "success"
        assert target.rows() == small_source.rows()

    def test_a_missing_secret_is_told_at_once(self, install: Install, trigger: Trigger) -> None:
        install(connections={"existingSecret": "from-vault"})
        done = trigger()
        assert (done.state, done.tries) == ("failed", 1)
        assert "AIRFLOW_CONN_ORACLE_CONN_ID" in done.log
        assert "Not retried: configuration." in done.log

    def test_the_tables_of_the_values_are_loaded(
        self,
        install: Install,
        trigger: Trigger,
        cluster: Cluster,
        small_source: SourceDatabase,
        target: TargetDatabase,
    ) -> None:
        small_source.execute("CREATE TABLE apps.codes (code varchar(9), valid_from timestamp(0))")
        small_source.execute("INSERT INTO apps.codes VALUES ('a\tb', '0012-03-01 23:59:59')")
        period = {"year": "target_year", "month": "target_month"}
        install(
            settings={"ETL_RETRY_BUDGET_SECONDS": 0},
            tables=[
                {"source": small_source.table, "target": "mb.sales_target", "period": period},
                {"source": "APPS.CODES", "target": "mb.codes"},
            ],
        )
        with cluster.watched_pods() as watched:
            done = trigger()
        assert done.tables == {"mb.sales_target": "success", "mb.codes": "success"}, done.log
        assert len(watched.seen) == 2
        assert target.rows() == small_source.rows()
        assert target.query("SELECT code, valid_from::text FROM mb.codes") == [
            ("a\tb", "0012-03-01 23:59:59")
        ]

        small_source.execute("INSERT INTO apps.codes VALUES ('c', '2024-03-01')")
        assert trigger(tables=["mb.codes"]).tables == {"mb.codes": "success"}
        assert target.query("SELECT count(*) FROM mb.codes") == [(2,)]

    def test_a_table_that_fails_fails_alone(
        self, install: Install, trigger: Trigger, small_source: SourceDatabase,
        target: TargetDatabase,
    ) -> None:  # fmt: skip
        small_source.execute("CREATE TABLE apps.codes (code varchar(9))")
        small_source.execute("INSERT INTO apps.codes VALUES ('a')")
        install(
            settings={"ETL_RETRY_BUDGET_SECONDS": 0},
            tables=[
                {"source": "APPS.CODES", "target": "mb.codes"},
                {"source": "APPS.MISSING", "target": "mb.missing"},
                {"source": small_source.table, "target": "mb.sales_target"},
            ],
        )
        done = trigger()
        assert done.tables == {
            "mb.codes": "success",
            "mb.missing": "failed",
            "mb.sales_target": "success",
        }
        assert "Not retried: something needed is missing." in done.log
        assert target.query("SELECT count(*) FROM mb.codes") == [(1,)]
        assert len(target.rows()) == 24

    def test_a_pod_killed_in_mid_load_is_replaced(
        self,
        install: Install,
        values: Values,
        airflow: AirflowProcess,
        environ: dict[str, str],
        cluster: Cluster,
        standin: OracleStandin,
        small_source: SourceDatabase,
        target: TargetDatabase,
    ) -> None:
        install(settings={**values["settings"], "ETL_BATCH_ROWS": 5})
        with _held_in_mid_load(standin) as in_mid_load:
            running = airflow.start(environ)
            assert in_mid_load.wait(_RUN_SECONDS)
            cluster.kill(cluster.running_pod())
        done = running.result(_RUN_SECONDS)
        assert (done.state, done.tries) == ("success", 2), done.log
        assert target.rows() == small_source.rows()

    def test_a_timeout_leaves_no_second_pod(
        self,
        install: Install,
        values: Values,
        airflow: AirflowProcess,
        environ: dict[str, str],
        cluster: Cluster,
        standin: OracleStandin,
        small_source: SourceDatabase,
        target: TargetDatabase,
    ) -> None:
        install(settings={**values["settings"], "ETL_BATCH_ROWS": 5})
        with cluster.watched_pods() as watched:
            with _held_in_mid_load(standin) as in_mid_load:
                running = airflow.start(environ, retry_delay=10, execution_timeout=15)
                assert in_mid_load.wait(_RUN_SECONDS)
                first = cluster.running_pod()
                cluster.wait_until(lambda: cluster.is_being_deleted(first))
            done = running.result(_RUN_SECONDS)
        assert (done.state, done.tries) == ("success", 2), done.log
        assert len(watched.seen) == 2
        assert watched.most_at_once == 1
        assert target.rows() == small_source.rows()

    def test_without_the_role_airflow_says_which_right_it_lacks(
        self, install: Install, trigger: Trigger
    ) -> None:
        install(airflow={"rbac": False})
        done = trigger()
        assert done.state == "failed"
        assert "Kubernetes answered 403 Forbidden: podtemplates" in done.log
        assert 'cannot get resource "podtemplates"' in done.log.replace('\\"', '"')

    def test_a_wrong_name_is_named(self, trigger: Trigger) -> None:
        done = trigger()
        assert done.state == "failed"
        assert f"PodTemplate '{RELEASE}' in namespace" in done.log


class TestSecret:
    @pytest.mark.parametrize("keeper", ["release", "airflow"])
    def test_is_in_no_pod_no_log_and_nothing_that_airflow_keeps(
        self,
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


def _job_of_the_cronjob(values: Values, cluster: Cluster) -> dict[str, Any]:
    """What `kubectl create job --from=cronjob/…` makes, without what the cluster is too old for."""
    cronjob = render({**values, "cronJob": {"enabled": True}}).one("CronJob")
    spec = cronjob["spec"]["jobTemplate"]["spec"]
    if not cluster.has_cronjobs():
        del spec["podFailurePolicy"]
    return {"metadata": {"name": "by-hand"}, "spec": spec}


@contextlib.contextmanager
def _held_in_mid_load(standin: OracleStandin) -> Iterator[threading.Event]:
    """Stops the rows after the tenth until the faults are cleared; the event says when."""
    reached, resumed = threading.Event(), threading.Event()

    def hold(rows: int) -> None:
        if rows >= _ROWS_BEFORE_THE_HOLD:
            reached.set()
            resumed.wait(_RUN_SECONDS)

    standin.faults.before_fetch(hold, on=_ROWS_QUERY)
    try:
        yield reached
    finally:
        standin.faults.clear()
        resumed.set()
