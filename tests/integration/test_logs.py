"""What the log says of a run: the document's key points, and never a row's values."""

import json
import re
from pathlib import Path
from unittest import mock

import pytest

from etl_sales_target.services import Services
from oracle_standin import OracleStandin
from support.command import Job
from support.inprocess import in_this_process
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase
from support.urls import with_password

# The one amount of the tests' rows that stands nowhere else.
AMOUNT = "731942.5318"


@pytest.fixture
def source_with_amount(small_source: SourceDatabase) -> SourceDatabase:
    small_source.execute(f"UPDATE {{table}} SET target_amount = {AMOUNT} WHERE id = 17")
    return small_source


def test_the_key_points(job: Job, small_source: SourceDatabase) -> None:
    events = job("run").events

    names = [event["event"] for event in events if event["event"] != "object_created"]
    assert names == [
        "run_started", "target_connected", "driver_ready", "source_connected", "snapshot_taken",
        "plan_created", "copy_finished", "changes_applied", "reconciliation_passed",
        "run_finished",
    ]  # fmt: skip
    assert len({event["run_id"] for event in events}) == 1
    for event in events:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", event["timestamp"])


def test_the_lines_of_several_tables_name_theirs(
    job: Job, small_source: SourceDatabase, tmp_path: Path
) -> None:
    job = job.loading(
        tmp_path / "tables.yaml",
        {"source": "APPS.NOSUCH", "target": "mb.missing"},
        {"source": small_source.table, "target": "mb.whole"},
    )
    result = job("run")

    *of_tables, last = result.events
    assert [event["event"] for event in of_tables if event["target_table"] == "mb.missing"][-1] == (
        "table_failed"
    )
    loaded = [event["event"] for event in of_tables if event["target_table"] == "mb.whole"]
    assert (loaded[0], loaded[-1]) == ("run_started", "run_finished")
    assert last["event"] == "run_failed"
    assert "target_table" not in last
    failed = result.event("table_failed")
    assert (failed["level"], failed["code"], failed["reason"]) == (
        "error", "ORA-00942", "not_found",
    )  # fmt: skip
    assert failed["phase"] == "check"
    assert failed["error"] in last["error"]
    assert len({event["run_id"] for event in result.events}) == 1


def test_debug_adds_statements_and_no_values(job: Job, source_with_amount: SourceDatabase) -> None:
    result = job("run", ETL_LOG_LEVEL="DEBUG")

    statements = [event["sql"] for event in result.events if "sql" in event]
    assert any("ORA_HASH" in sql.upper() for sql in statements)
    assert any("INSERT INTO mb.etl_sales_target_runs" in sql for sql in statements)
    assert AMOUNT not in result.stderr


def test_debug_adds_the_stack_trace(
    job: Job, small_source: SourceDatabase, standin: OracleStandin
) -> None:
    standin.faults.ora_error(1555, after_rows=15)

    plain = job("run", ETL_BATCH_ROWS="1")
    standin.faults.ora_error(1555, after_rows=15)
    debug = job("run", ETL_BATCH_ROWS="1", ETL_LOG_LEVEL="DEBUG")

    assert plain.failure["code"] == "ORA-01555"
    assert "Traceback" not in plain.stderr
    trace = debug.event("traceback")["exception"]
    assert "load.py" in trace
    assert "ORA-01555" in trace


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "ERROR"])
def test_a_bug_says_where_whatever_the_level(
    job: Job, small_source: SourceDatabase, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    password = "Magpie-of-the-target"
    uri = with_password(small_source.uri, password)

    def fail(*_: object) -> None:
        raise LookupError(f"nobody foresaw {password}")

    with mock.patch.object(Services, "open_postgres", fail):
        exit_code = in_this_process(
            job, "run", ETL_LOG_LEVEL=level, AIRFLOW_CONN_ORACLE_CONN_ID=uri
        )

    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert exit_code == 70
    traceback, failed = events[-2:]
    assert (traceback["event"], traceback["level"]) == ("traceback", "error")
    assert "LookupError: nobody foresaw ***" in traceback["exception"]
    assert "in _attempt" in traceback["exception"]
    assert failed["error"] == "LookupError: nobody foresaw ***"


@pytest.mark.parametrize(
    ("broken", "event"),
    [
        ("etl_sales_target.reporting.pushgateway.pushadd_to_gateway", "metrics_push_failed"),
        ("etl_sales_target.reporting.lineage_events.event", "lineage_failed"),
    ],
)
def test_a_bug_in_what_is_delivered_is_a_warning(
    job: Job,
    small_source: SourceDatabase,
    capsys: pytest.CaptureFixture[str],
    broken: str,
    event: str,
) -> None:
    nowhere = "http://127.0.0.1:1"
    places = {"ETL_PUSHGATEWAY_URL": nowhere, "OPENLINEAGE_URL": nowhere}
    with mock.patch(broken, side_effect=LookupError("nobody foresaw it")):
        exit_code = in_this_process(job, "run", ETL_PUSHGATEWAY_TIMEOUT_SECONDS="1", **places)

    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    found = next(each for each in events if each["event"] == event)
    assert exit_code == 0
    assert found["level"] == "warning"
    assert found["error"] == "LookupError: nobody foresaw it"
    assert "Traceback" in found["exception"]


REFUSALS = {
    "a constraint": (
        "ALTER TABLE mb.sales_target ADD CHECK (target_amount < 1000)",
        "violates check constraint",
    ),
    "a unique index": (
        "CREATE UNIQUE INDEX ON mb.sales_target (target_amount)",
        "violates unique constraint",
    ),
    "a trigger": (
        """
        CREATE FUNCTION mb.no() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'not this row' USING DETAIL = coalesce(NEW.target_amount, 0)::text;
        END $$;
        CREATE TRIGGER no BEFORE INSERT ON mb.sales_target
            FOR EACH ROW WHEN (NEW.id = 17) EXECUTE FUNCTION mb.no()
        """,
        "not this row",
    ),
}


@pytest.mark.parametrize(("obstacle", "said"), REFUSALS.values(), ids=REFUSALS)
def test_a_row_that_the_target_refuses_is_not_shown(
    job: Job, source_with_amount: SourceDatabase, target: TargetDatabase, obstacle: str, said: str
) -> None:
    source_with_amount.execute(f"UPDATE {{table}} SET target_amount = {AMOUNT} WHERE id = 18")
    assert job("run").exit_code == 0
    target.execute("TRUNCATE mb.sales_target")
    target.execute(obstacle)

    result = job("run", ETL_LOG_LEVEL="DEBUG")

    assert result.exit_code == 65, result.stderr
    failure = result.event("run_failed")
    assert failure["reason"] == "data_refused"
    assert said in failure["error"]
    assert re.search(r"COPY sales_target, line \d+", failure["error"])
    assert "exception" in result.event("traceback")
    assert AMOUNT not in result.stderr
    assert AMOUNT not in str(target.last_run("error", "report::text"))
