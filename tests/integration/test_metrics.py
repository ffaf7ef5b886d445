"""The metrics, read back through a real Prometheus that scrapes a real Pushgateway."""

import http.client
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from etl_sales_target.core import errors
from etl_sales_target.reporting import metrics
from etl_sales_target.runtime import memory
from oracle_standin import OracleStandin
from support.command import Job
from support.documents import DOCS
from support.error_kinds import error_kinds
from support.monitoring import PROMTOOL, Prometheus, Pushgateway, needs_monitoring, needs_promtool
from support.source_database import SourceDatabase

METRICS = "etl_sales_target_"
SALES_TARGET = {"job": "etl_sales_target", "target_table": "mb.sales_target"}
METRICS_DOC = (DOCS / "metrics.md").read_text()
METRICS_TABLE, REASONS_TABLE = METRICS_DOC.split("The reasons of a failure")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Pushgateway]:
    with Pushgateway("--web.enable-admin-api") as server:
        yield server


@pytest.fixture(scope="module")
def running_prometheus(gateway: Pushgateway) -> Iterator[Prometheus]:
    with Prometheus(gateway) as server:
        yield server


@pytest.fixture
def prometheus(running_prometheus: Prometheus, gateway: Pushgateway) -> Prometheus:
    """It scrapes a gateway that holds nothing yet."""
    gateway.stop()
    gateway.start()
    running_prometheus.wait_for_scrape()
    return running_prometheus


@pytest.fixture
def pushing(job: Job, gateway: Pushgateway) -> Job:
    """The job, its metrics pushed to the gateway."""
    job.environ |= {"ETL_PUSHGATEWAY_URL": gateway.url, "ETL_PUSHGATEWAY_TIMEOUT_SECONDS": "2"}
    return job


def family(prometheus: Prometheus, name: str, label: str) -> dict[str, float]:
    return prometheus.values(METRICS + name, label)


@needs_monitoring
def test_a_run_a_failed_run_and_a_run_again(
    pushing: Job, small_source: SourceDatabase, prometheus: Prometheus, gateway: Pushgateway
) -> None:
    def value(name: str) -> float:
        return prometheus.number(METRICS + name)

    def pushed(*arguments: str) -> int:
        exit_code = pushing(*arguments).exit_code
        prometheus.wait_for_scrape()
        return exit_code

    before = time.time()
    assert pushed("run") == 0
    first_success = value("last_success_timestamp_seconds")
    assert before <= value("last_start_timestamp_seconds") < first_success
    assert before < first_success < time.time()
    assert value("last_completion_timestamp_seconds") == first_success
    assert family(prometheus, "last_success_rows", "operation") == {
        "read": 24, "inserted": 24, "deleted": 0, "unchanged": 0,
    }  # fmt: skip
    assert family(prometheus, "last_success_periods", "status")["new"] == 12
    assert (value("source_rows"), value("target_rows")) == (24, 24)
    assert value("copy_rows_per_second") > 0
    assert family(prometheus, "runs_total", "outcome") == {
        "succeeded": 1, "failed": 0, "abandoned": 0,
    }  # fmt: skip

    small_source.execute("DELETE FROM {table} WHERE id > 3")
    assert pushed("run") == 65
    assert value("last_success_timestamp_seconds") == first_success
    assert value("last_completion_timestamp_seconds") > first_success
    assert value("last_run_exit_code") == 65
    outcome = family(prometheus, "last_run_outcome", "outcome")
    assert [name for name, is_it in outcome.items() if is_it] == ["guard_refused"]
    assert family(prometheus, "last_success_rows", "operation")["read"] == 24
    assert (value("source_rows"), value("target_rows")) == (4, 24)
    assert family(prometheus, "runs_total", "outcome")["failed"] == 1

    assert pushed("run", "--allow-shrink") == 0
    assert value("last_success_timestamp_seconds") > first_success
    outcome = family(prometheus, "last_run_outcome", "outcome")
    assert [name for name, is_it in outcome.items() if is_it] == ["succeeded"]
    assert family(prometheus, "last_success_rows", "operation") == {
        "read": 4, "inserted": 0, "deleted": 20, "unchanged": 4,
    }  # fmt: skip
    assert value("target_rows") == 4
    assert family(prometheus, "runs_total", "outcome") == {
        "succeeded": 2, "failed": 1, "abandoned": 0,
    }  # fmt: skip
    assert gateway.groups() == [SALES_TARGET]
    assert value("last_success_timestamp_seconds") <= prometheus.number(
        'push_time_seconds{job="etl_sales_target"}'
    )


@needs_monitoring
def test_each_table_of_a_run_has_a_group_of_its_own(
    pushing: Job,
    small_source: SourceDatabase,
    prometheus: Prometheus,
    gateway: Pushgateway,
    tmp_path: Path,
) -> None:
    def of_each_table(name: str) -> dict[str, float]:
        return family(prometheus, name, "target_table")

    year_and_month = {"year": "target_year", "month": "target_month"}
    pushing = pushing.loading(
        tmp_path / "tables.yaml",
        {"source": small_source.table, "target": "mb.by_month", "period": year_and_month},
        {"source": "APPS.NOSUCH", "target": "mb.missing"},
        {"source": small_source.table, "target": "mb.whole"},
    )
    assert pushing("run").exit_code == 69
    small_source.execute("UPDATE {table} SET target_amount = 1 WHERE id = 1")
    assert pushing("run", "--table", "mb.by_month").exit_code == 0
    prometheus.wait_for_scrape()

    tables = ["mb.by_month", "mb.missing", "mb.whole"]
    job = {"job": "etl_sales_target"}
    groups = sorted(gateway.groups(), key=lambda group: group["target_table"])
    assert groups == [job | {"target_table": table} for table in tables]
    assert of_each_table("last_run_exit_code") == dict(zip(tables, (0, 69, 0), strict=True))
    assert of_each_table("target_rows") == {"mb.by_month": 24, "mb.whole": 24}
    assert of_each_table('last_success_rows{operation="read"}') == {
        "mb.by_month": 2, "mb.whole": 24,
    }  # fmt: skip
    succeeded = of_each_table("last_success_timestamp_seconds")
    assert succeeded["mb.by_month"] > succeeded["mb.whole"]


@needs_monitoring
def test_each_namespace_has_a_group_of_its_own(
    pushing: Job, small_source: SourceDatabase, prometheus: Prometheus, gateway: Pushgateway
) -> None:
    assert pushing("run", ETL_KUBERNETES_NAMESPACE="etl").exit_code == 0
    failed = pushing("run", ETL_KUBERNETES_NAMESPACE="test", ETL_SOURCE_TABLE="APPS.NOSUCH")
    assert failed.exit_code == 69
    assert pushing("run", ETL_KUBERNETES_NAMESPACE="").exit_code == 0
    prometheus.wait_for_scrape()

    groups = sorted(gateway.groups(), key=lambda group: group.get("namespace", ""))
    assert groups == [
        SALES_TARGET, {"namespace": "etl", **SALES_TARGET}, {"namespace": "test", **SALES_TARGET},
    ]  # fmt: skip
    codes = prometheus.query(METRICS + "last_run_exit_code")
    assert {labels.get("namespace"): code for labels, code in codes} == {
        None: 0, "etl": 0, "test": 69,
    }  # fmt: skip


@needs_monitoring
def test_the_documented_command_deletes_a_tables_group(
    pushing: Job, small_source: SourceDatabase, prometheus: Prometheus, gateway: Pushgateway
) -> None:
    documented = re.search(
        r"^curl -X DELETE http://pushgateway:9091(/\S+)$", METRICS_DOC, re.MULTILINE
    )
    assert documented
    pushing("run", ETL_KUBERNETES_NAMESPACE="etl")
    pushing("run", ETL_KUBERNETES_NAMESPACE="etl", ETL_TARGET_TABLE="mb.orders")

    assert gateway.delete(documented[1]) == http.client.ACCEPTED

    [left] = gateway.groups()
    assert left["target_table"] == "mb.orders"


@needs_monitoring
def test_what_a_run_costs(
    pushing: Job, small_source: SourceDatabase, prometheus: Prometheus, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    pushing("run")
    pushing("run", "--full", "--report", str(report))
    prometheus.wait_for_scrape()

    phases = family(prometheus, "last_run_phase_duration_seconds", "phase")
    total = prometheus.number(METRICS + "last_run_duration_seconds")
    assert set(phases) == {
        "lock", "check", "digest", "plan", "copy", "apply", "reconcile", "commit",
    }  # fmt: skip
    assert 0 < sum(phases.values()) <= total
    for name, key in (
        ("last_run_oracle_received_bytes", "bytes_from_oracle"),
        ("last_run_postgres_sent_bytes", "bytes_to_postgres"),
        ("last_run_peak_memory_bytes", "peak_memory_bytes"),
        ("last_run_memory_limit_bytes", "memory_limit_bytes"),
        ("last_run_retries", "retries"),
    ):
        assert prometheus.value(METRICS + name) == json.loads(report.read_text())[key], name
    assert prometheus.number(METRICS + "last_run_oracle_received_bytes") > 1_000
    assert prometheus.number(METRICS + "last_run_postgres_sent_bytes") > 24 * 10
    assert 20 << 20 < prometheus.number(METRICS + "last_run_peak_memory_bytes") < 200 << 20
    assert family(prometheus, "last_run_info", "mode") == {"full": 1}


@needs_monitoring
def test_a_killed_run_is_counted_by_the_next(
    pushing: Job, small_source: SourceDatabase, prometheus: Prometheus, standin: OracleStandin
) -> None:
    reached = threading.Event()
    standin.faults.before_fetch(lambda rows: reached.set() if rows >= 10 else None)
    standin.faults.delay(fetch=0.7)
    process = pushing.start("run", ETL_BATCH_ROWS="1")
    assert reached.wait(30)
    process.kill()
    process.communicate()
    standin.faults.clear()

    assert pushing("run").exit_code == 0
    prometheus.wait_for_scrape()

    assert prometheus.value(METRICS + "last_run_abandoned_runs") == 1
    assert family(prometheus, "runs_total", "outcome") == {
        "succeeded": 1, "failed": 0, "abandoned": 1,
    }  # fmt: skip


@needs_monitoring
@pytest.mark.parametrize(
    ("environ", "exit_code", "reason"),
    [
        ({"AIRFLOW_CONN_ORACLE_CONN_ID": "oracle://"}, 78, "configuration"),
        ({"ETL_SOURCE_TABLE": "APPS.NOSUCH"}, 69, "not_found"),
        ({"AIRFLOW_CONN_POSTGRES_CONN_ID": "postgres://u:p@127.0.0.1:1/d"}, 75, "temporary"),
    ],
)
def test_a_run_that_failed_early_is_seen(
    pushing: Job,
    small_source: SourceDatabase,
    prometheus: Prometheus,
    environ: dict[str, str],
    exit_code: int,
    reason: str,
) -> None:
    assert pushing("run", **environ).exit_code == exit_code
    prometheus.wait_for_scrape()

    outcome = family(prometheus, "last_run_outcome", "outcome")
    assert outcome == {each: each == reason for each in metrics.outcomes()}
    assert prometheus.value(METRICS + "last_run_exit_code") == exit_code
    assert prometheus.query(METRICS + "last_success_timestamp_seconds") == []


@needs_monitoring
def test_what_writes_nothing_pushes_nothing(
    pushing: Job, small_source: SourceDatabase, prometheus: Prometheus, gateway: Pushgateway
) -> None:
    for arguments in (["run", "--dry-run"], ["check"], ["verify"], ["runs"]):
        pushing(*arguments)

    assert gateway.groups() == []


@needs_monitoring
@needs_promtool
def test_names_and_texts_follow_the_conventions(
    pushing: Job, small_source: SourceDatabase, prometheus: Prometheus, gateway: Pushgateway
) -> None:
    pushing("run")
    text = pushed_text(gateway)

    linter = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )

    assert (linter.returncode, linter.stdout + linter.stderr) == (0, "")


@needs_monitoring
def test_the_documented_metrics_are_the_pushed_ones(
    pushing: Job, small_source: SourceDatabase, prometheus: Prometheus, gateway: Pushgateway
) -> None:
    pushing("run")

    pushed = re.findall(rf"^# HELP {METRICS}(\w+)", pushed_text(gateway), re.MULTILINE)
    documented = re.findall(r"^\| `([a-z_]+)` \| (?=.*\|.*\|)", METRICS_TABLE, re.MULTILINE)
    unlimited = {"last_run_memory_limit_bytes"} if memory.limit_bytes() is None else set()

    assert sorted(pushed) == sorted(set(documented) - unlimited)


def pushed_text(gateway: Pushgateway) -> str:
    """What the gateway shows of the job's metrics, without its own."""
    lines = gateway.get("/metrics").splitlines(keepends=True)
    return "".join(line for line in lines if METRICS in line)


def test_the_documented_reasons_are_the_errors_own() -> None:
    documented = re.findall(r"^\| `([a-z_]+)` \| (\d+) \|", REASONS_TABLE, re.MULTILINE)

    assert {(reason, int(code)) for reason, code in documented} == {
        (kind.reason.value, kind.exit_code) for kind in error_kinds()
    }
    assert {reason for reason, _ in documented} == set(errors.Reason)


@pytest.fixture
def broken_gateway(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server that answers everything with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(request.param)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b"no such luck\n")

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("broken_gateway", [302, 400, 403, 500], indirect=True)
def test_a_gateway_that_refuses_is_a_warning(
    job: Job, small_source: SourceDatabase, broken_gateway: str, request: pytest.FixtureRequest
) -> None:
    result = job("run", ETL_PUSHGATEWAY_URL=broken_gateway, ETL_PUSHGATEWAY_TIMEOUT_SECONDS="1")

    assert result.exit_code == 0
    warning = result.event("metrics_push_failed")
    assert warning["level"] == "warning"
    assert f"answered {warning['code']}" in warning["error"]
    assert "no such luck" in warning["error"]
    assert result.events[-1]["event"] == "run_finished"


def test_no_gateway_is_a_warning(job: Job, small_source: SourceDatabase) -> None:
    unreachable = {
        "ETL_PUSHGATEWAY_URL": "http://127.0.0.1:1", "ETL_PUSHGATEWAY_TIMEOUT_SECONDS": "1",
    }  # fmt: skip
    good = job("run", **unreachable)
    bad = job("run", ETL_SOURCE_TABLE="APPS.NOSUCH", **unreachable)

    assert (good.exit_code, bad.exit_code) == (0, 69)
    for result in (good, bad):
        warning = result.event("metrics_push_failed")
        assert "http://127.0.0.1:1 cannot be reached" in warning["error"]
        assert "Connection refused" in warning["error"]


def test_a_silent_gateway_does_not_hold_a_run_up(job: Job, small_source: SourceDatabase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        start = time.monotonic()
        result = job("run", ETL_PUSHGATEWAY_URL=url, ETL_PUSHGATEWAY_TIMEOUT_SECONDS="1")

    assert result.exit_code == 0
    assert "no answer within 1 s" in result.event("metrics_push_failed")["error"]
    assert time.monotonic() - start < 15


@needs_monitoring
def test_a_gateway_that_comes_back_soon_gets_the_metrics(
    pushing: Job, small_source: SourceDatabase, gateway: Pushgateway
) -> None:
    gateway.stop()
    # The push at the start takes all of this time, the one at the end some of it.
    process = pushing.start("run", ETL_PUSHGATEWAY_TIMEOUT_SECONDS="8")
    stderr = ""
    assert process.stderr
    while "target_connected" not in stderr:
        stderr += process.stderr.readline()
    time.sleep(2)
    gateway.start()
    _, rest = process.communicate(timeout=60)

    assert '"metrics_pushed"' in rest
    assert gateway.groups() == [SALES_TARGET]
