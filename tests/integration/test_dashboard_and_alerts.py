"""The dashboard's queries and the alerts, on a real Prometheus, after real runs."""

import functools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Summary, pushadd_to_gateway

from etl_sales_target.runtime import memory
from oracle_standin import OracleStandin
from support.chart import NAMESPACE, needs_helm, render
from support.command import Job
from support.dashboard import offered, with_choices
from support.monitoring import Prometheus, Pushgateway, needs_monitoring
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

pytestmark = [needs_helm, needs_monitoring]

# A run without a limit on its memory has none to tell.
UNLIMITED = "Memory: limit"

REFUSE_ROWS = """
    CREATE FUNCTION mb.halve() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN NEW.target_amount := NEW.target_amount / 2; RETURN NEW; END';
    CREATE TRIGGER halve BEFORE INSERT ON mb.sales_target
        FOR EACH ROW EXECUTE FUNCTION mb.halve();
"""


@pytest.fixture
def gateway() -> Iterator[Pushgateway]:
    with Pushgateway() as server:
        yield server


@pytest.fixture
def pushing(job: Job, gateway: Pushgateway) -> Job:
    job.environ |= {
        "ETL_PUSHGATEWAY_URL": gateway.url,
        "ETL_PUSHGATEWAY_TIMEOUT_SECONDS": "2",
        "ETL_KUBERNETES_NAMESPACE": NAMESPACE,
    }
    return job


def wait_for_alert(prometheus: Prometheus, alert: str, *, fires: bool = True) -> None:
    """Returns once it fires, or does so no more."""
    deadline = time.monotonic() + 30
    while (alert in prometheus.firing()) != fires:
        assert time.monotonic() < deadline, (alert, fires, prometheus.firing())
        time.sleep(0.1)


def test_every_query_of_the_dashboard_returns_data(
    pushing: Job, small_source: SourceDatabase, gateway: Pushgateway
) -> None:
    text = render({"dashboard": {"enabled": True}}).all("ConfigMap")[-1]["data"]
    dashboard = with_choices(text["etl-sales-target.json"], target_table="mb.sales_target")
    queries = {
        f"{panel['title']}: {target['legendFormat']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    with Prometheus(gateway) as prometheus:
        pushing("run")
        prometheus.wait_for_scrape()
        small_source.execute("DELETE FROM {table} WHERE id > 3")
        assert pushing("run").exit_code == 65
        pushing("run", "--allow-shrink")
        pushing("run", ETL_TARGET_TABLE="mb.other", ETL_KUBERNETES_NAMESPACE="dwh")
        prometheus.wait_for_scrape()

        found = {name: prometheus.query(query) for name, query in queries.items()}
        changes = prometheus.query(dashboard["annotations"]["list"][0]["expr"])
        namespaces, tables = (
            offered(dashboard, variable, prometheus) for variable in ("namespace", "target_table")
        )

    assert len(found) >= 14
    empty = {name for name, samples in found.items() if not samples}
    assert empty == ({UNLIMITED} if memory.limit_bytes() is None else set())
    assert changes
    assert (namespaces, tables) == (["dwh", "etl"], ["mb.other", "mb.sales_target"])
    both = {("etl", "mb.sales_target"), ("dwh", "mb.other")}
    outcomes = found.pop("Last run: {{target_table}}: {{outcome}}")
    assert {(each.get("namespace"), each["target_table"]) for each, _ in outcomes} == both
    assert {labels["outcome"] for labels, _ in outcomes} == {"succeeded"}
    ages = found.pop("Since the last success: {{target_table}}")
    assert {(each.get("namespace"), each["target_table"]) for each, _ in ages} == both
    assert all(0 < age < 60 for _, age in ages)
    of_one_table = [labels for samples in found.values() for labels, _ in samples]
    assert {labels.get("target_table") for labels in of_one_table} == {None, "mb.sales_target"}
    [(_, failures)] = found["Failed in 7 days: "]
    assert failures > 0
    [(_, missing)] = found["Source minus target: "]
    assert missing == 0
    phases = {labels["phase"] for labels, _ in found["Duration by phase: {{phase}}"]}
    assert {"copy", "reconcile", "commit"} <= phases


def test_each_alert_fires_after_what_it_is_for(
    pushing: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    standin: OracleStandin,
    gateway: Pushgateway,
) -> None:
    """In seconds instead of hours: the rules' thresholds are values, `for` is left out."""
    values = {"enabled": True, "noSuccessHours": 8 / 3600, "slowMinimumSeconds": 0}
    rules = render({"prometheusRule": values}).one("PrometheusRule")["spec"]
    for rule in rules["groups"][0]["rules"]:
        rule.pop("for", None)

    with Prometheus(gateway, rules) as prometheus:
        wait_for = functools.partial(wait_for_alert, prometheus)
        wait_for("EtlSalesTargetPushFailing")
        assert pushing("run").exit_code == 0
        wait_for("EtlSalesTargetPushFailing", fires=False)
        assert prometheus.firing() == set()

        wait_for("EtlSalesTargetNoSuccess")
        pushing("run")
        wait_for("EtlSalesTargetNoSuccess", fires=False)

        pushing("run", ETL_SOURCE_TABLE="APPS.NOSUCH")
        wait_for("EtlSalesTargetLastRunFailed")

        small_source.execute("UPDATE {table} SET target_amount = 8 WHERE id = 13")
        target.execute(REFUSE_ROWS)
        assert pushing("run").exit_code == 65
        wait_for("EtlSalesTargetReconciliationFailed")
        assert "EtlSalesTargetLastRunFailed" not in prometheus.firing()
        target.execute("DROP TRIGGER halve ON mb.sales_target")

        small_source.execute("CREATE TABLE apps.hidden AS SELECT * FROM {table}")
        small_source.execute("DELETE FROM {table}")
        assert pushing("run").exit_code == 65
        wait_for("EtlSalesTargetGuardRefused")
        small_source.execute("INSERT INTO {table} SELECT * FROM apps.hidden")

        standin.faults.delay(execute=0.5)
        assert pushing("run").exit_code == 0
        wait_for("EtlSalesTargetSlow")
        assert "EtlSalesTargetGuardRefused" not in prometheus.firing()


def test_a_run_that_hangs_is_an_alert_until_it_ends(
    pushing: Job, small_source: SourceDatabase, standin: OracleStandin, gateway: Pushgateway
) -> None:
    values = {"enabled": True, "runningHours": 3 / 3600}
    rules = render({"prometheusRule": values}).one("PrometheusRule")["spec"]
    resumed = threading.Event()

    def hang(_rows: int) -> None:
        resumed.wait(60)

    with Prometheus(gateway, rules) as prometheus:
        assert pushing("run").exit_code == 0
        small_source.execute("UPDATE {table} SET target_amount = 8 WHERE id = 13")
        standin.faults.before_fetch(hang)
        hanging = pushing.start("run")
        try:
            wait_for_alert(prometheus, "EtlSalesTargetRunningTooLong")
            [alert] = prometheus.alerts("EtlSalesTargetRunningTooLong")
        finally:
            resumed.set()
        _, said = hanging.communicate(timeout=60)
        assert hanging.returncode == 0, said
        wait_for_alert(prometheus, "EtlSalesTargetRunningTooLong", fires=False)
    labels = alert["labels"]
    assert (labels["namespace"], labels["target_table"]) == (NAMESPACE, "mb.sales_target")


def test_a_table_that_is_left_out_while_another_is_loaded_is_out_of_date(
    pushing: Job, small_source: SourceDatabase, gateway: Pushgateway, tmp_path: Path
) -> None:
    hours = 10 / 3600
    tables = [
        {"source": small_source.table, "target": f"mb.{each}"} for each in ("first", "second")
    ]
    values = {"prometheusRule": {"enabled": True, "noSuccessHours": hours}, "tables": tables}
    rules = render(values).one("PrometheusRule")["spec"]
    pushing = pushing.loading(tmp_path / "tables.yaml", *tables)
    with Prometheus(gateway, rules) as prometheus:
        assert pushing("run").exit_code == 0
        prometheus.wait_for_scrape()
        assert prometheus.alerts("EtlSalesTargetNoSuccess") == []

        deadline = time.monotonic() + 60
        while not (alerts := prometheus.alerts("EtlSalesTargetNoSuccess")):
            assert time.monotonic() < deadline
            assert pushing("run", "--table", "mb.first").exit_code == 0

    [alert] = alerts
    assert alert["labels"]["target_table"] == "mb.second"
    assert alert["annotations"]["summary"] == "mb.second is out of date."


def test_a_refused_push_is_an_alert(
    pushing: Job, small_source: SourceDatabase, gateway: Pushgateway
) -> None:
    rules = render({"prometheusRule": {"enabled": True}}).one("PrometheusRule")["spec"]
    del rules["groups"][0]["rules"][-1]["for"]
    registry = CollectorRegistry()
    Summary("etl_sales_target_target_rows", "The job's own is a gauge.", registry=registry)
    pushadd_to_gateway(gateway.url, job="another", registry=registry)

    result = pushing("run")

    assert result.exit_code == 0
    assert "inconsistent" in result.event("metrics_push_failed")["error"]
    with Prometheus(gateway, rules) as prometheus:
        wait_for_alert(prometheus, "EtlSalesTargetPushFailing")
