"""OpenLineage's events, as a lineage server receives them."""

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from support.builders import COLUMNS
from support.command import Job
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

API_KEY = "Osprey-of-the-lineage"


class LineageServer:
    """Takes events as Marquez does, at /api/v1/lineage, and keeps them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.authorizations: set[str | None] = set()
        kept = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kept.authorizations.add(self.headers["Authorization"])
                found = self.path == "/api/v1/lineage"
                if found:
                    kept.events.append(json.loads(body))
                self.send_response(201 if found else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[LineageServer]:
    with LineageServer() as running:
        yield running


def test_start_and_complete(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, server: LineageServer
) -> None:
    result = job("run", OPENLINEAGE_URL=server.url, OPENLINEAGE_NAMESPACE="warehouse")

    assert result.exit_code == 0, result.stderr
    start, complete = server.events
    assert [start["eventType"], complete["eventType"]] == ["START", "COMPLETE"]
    assert start["run"]["runId"] == complete["run"]["runId"]
    uuid.UUID(start["run"]["runId"])
    assert start["eventTime"] < complete["eventTime"]
    for event in server.events:
        assert event["job"]["namespace"] == "warehouse"
        assert event["job"]["name"] == "etl-sales-target.mb.sales_target"
        [source] = event["inputs"]
        [loaded] = event["outputs"]
        assert source["namespace"].startswith("oracle://127.0.0.1:")
        assert source["name"] == "EBS.APPS.KHS_CUSTOMERS_TRX_TARGETS"
        host, _, database = target.url.rpartition("@")[2].partition("/")
        assert (loaded["namespace"], loaded["name"]) == (
            f"postgres://{host}", f"{database}.mb.sales_target",
        )  # fmt: skip
    # Before Oracle has been asked, no columns are known.
    assert all(start[side][0].get("facets", {}) == {} for side in ("inputs", "outputs"))
    [source], [loaded] = complete["inputs"], complete["outputs"]
    for dataset, column_type in ((source, "NUMBER"), (loaded, "numeric")):
        fields = dataset["facets"]["schema"]["fields"]
        assert [field["name"] for field in fields] == list(COLUMNS)
        assert {field["type"] for field in fields} == {column_type}
    for column, lineage in loaded["facets"]["columnLineage"]["fields"].items():
        [origin] = lineage["inputFields"]
        assert (origin["namespace"], origin["name"], origin["field"]) == (
            source["namespace"], source["name"], column,
        )  # fmt: skip
    assert complete["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"] == 24
    statistics = complete["outputs"][0]["outputFacets"]["outputStatistics"]
    assert statistics["rowCount"] == 24
    assert statistics["size"] > 24 * 10
    assert start["outputs"][0].get("outputFacets", {}) == {}


def test_fail(job: Job, small_source: SourceDatabase, server: LineageServer) -> None:
    result = job("run", OPENLINEAGE_URL=server.url, ETL_SOURCE_TABLE="APPS.NOSUCH")

    assert result.exit_code == 69
    start, fail = server.events
    assert [start["eventType"], fail["eventType"]] == ["START", "FAIL"]
    message = fail["run"]["facets"]["errorMessage"]["message"]
    assert message.startswith("not_found: ")
    assert "ORA-00942" in message


def test_each_table_is_a_run_of_a_job_of_its_own(
    job: Job, small_source: SourceDatabase, server: LineageServer, tmp_path: Path
) -> None:
    job = job.loading(
        tmp_path / "tables.yaml",
        {"source": "APPS.NOSUCH", "target": "mb.missing"},
        {"source": small_source.table, "target": "mb.whole", "columns": ["id"]},
    )
    assert job("run", OPENLINEAGE_URL=server.url).exit_code == 69

    said = [(event["eventType"], event["job"]["name"]) for event in server.events]
    assert said == [
        ("START", "etl-sales-target.mb.missing"),
        ("FAIL", "etl-sales-target.mb.missing"),
        ("START", "etl-sales-target.mb.whole"),
        ("COMPLETE", "etl-sales-target.mb.whole"),
    ]
    runs = [event["run"]["runId"] for event in server.events]
    assert runs[0] == runs[1] != runs[2] == runs[3]
    complete = server.events[-1]
    for dataset in (*complete["inputs"], *complete["outputs"]):
        fields = dataset["facets"]["schema"]["fields"]
        assert [field["name"] for field in fields] == ["id"]


def test_the_task_in_airflow_is_the_parent(
    job: Job, small_source: SourceDatabase, server: LineageServer
) -> None:
    parent = "01926d00-0000-7000-8000-000000000000"
    job(
        "run",
        OPENLINEAGE_URL=server.url,
        OPENLINEAGE_PARENT_ID=f"airflow/etl_sales_target.load/{parent}",
    )

    assert len(server.events) == 2
    for event in server.events:
        facet = event["run"]["facets"]["parent"]
        assert facet["run"]["runId"] == parent
        assert facet["job"]["namespace"] == "airflow"
        assert facet["job"]["name"] == "etl_sales_target.load"


def test_the_key_may_be_a_file_and_is_never_printed(
    job: Job, small_source: SourceDatabase, server: LineageServer, tmp_path: Path
) -> None:
    (tmp_path / "OPENLINEAGE_API_KEY").write_text(API_KEY)

    result = job(
        "run",
        OPENLINEAGE_URL=server.url,
        ETL_CONNECTIONS_DIR=str(tmp_path),
        ETL_LOG_LEVEL="DEBUG",
    )

    assert server.authorizations == {f"Bearer {API_KEY}"}
    assert API_KEY not in result.stdout + result.stderr


@pytest.mark.parametrize("path", ["", "/elsewhere/"])
def test_a_server_that_is_not_there_is_a_warning(
    job: Job, small_source: SourceDatabase, server: LineageServer, path: str
) -> None:
    url = server.url + path if path else "http://127.0.0.1:1"
    result = job("run", OPENLINEAGE_URL=url)

    assert result.exit_code == 0
    warnings = [event for event in result.events if event["event"] == "lineage_failed"]
    assert len(warnings) == 2
    assert server.events == []
    assert result.events[-1]["event"] == "run_finished"


def test_what_loads_nothing_sends_nothing(
    job: Job, small_source: SourceDatabase, server: LineageServer
) -> None:
    for arguments in (["run", "--dry-run"], ["check"], ["verify"]):
        assert job(*arguments, OPENLINEAGE_URL=server.url).exit_code in (0, 65, 69)

    assert server.events == []
