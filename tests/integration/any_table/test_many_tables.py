"""Several tables in one invocation: each is loaded or fails by itself, and a stop ends them all."""

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.any_table import AnyTables, Definition
from support.faults.holding_server import holding_server
from support.processes import Process
from support.result import Result

ROWS = 3000
# So that the rows of a table come in several round trips.
SMALL_BATCHES = {"ETL_BATCH_ROWS": "500"}


def make(tables: AnyTables, name: str, *suffixes: str, rows: int = ROWS) -> list[Definition]:
    """Source tables, and definitions with targets in two schemas."""
    for suffix in suffixes:
        tables.behind.execute(
            f"CREATE TABLE apps.{name}_{suffix} AS"
            " SELECT n::numeric AS id, n::text::varchar(9) AS x"
            f" FROM generate_series(1, {rows}) AS n"
        )
    definitions: list[Definition] = [
        {"source": f"apps.{name}_{suffix}", "target": f"{schema}.{name}_{suffix}"}
        for suffix, schema in zip(suffixes, ["mb", "other"] * len(suffixes), strict=False)
    ]
    tables.define(*definitions)
    return definitions


def loaded(tables: AnyTables, table: str) -> int | None:
    """The rows of a target, None where it is not there."""
    if tables.target.query(f"SELECT to_regclass('{table}')") == [(None,)]:
        return None
    return int(tables.target.query(f"SELECT count(*) FROM {table}")[0][0])


def outcomes(tables: AnyTables, definition: Definition) -> list[str]:
    """How the runs of a target ended, the first one first."""
    target = definition["target"]
    schema = target.split(".")[0]
    if tables.target.query(f"SELECT to_regclass('{schema}.etl_sales_target_runs')") == [(None,)]:
        return []
    found = tables.target.query(
        f"SELECT outcome FROM {schema}.etl_sales_target_runs WHERE target_table = '{target}'"
        " ORDER BY started_at"
    )
    return [outcome for (outcome,) in found]


def test_one_invocation_loads_all(tables: AnyTables, name: str, tmp_path: Path) -> None:
    definitions = make(tables, name, "a", "b", "c")

    result = tables.job("run", "--report", str(tmp_path / "report"))

    assert result.exit_code == 0, result.stderr
    reports = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert [report["target"] for report in reports] == [each["target"] for each in definitions]
    assert len({report["run_id"] for report in reports}) == 1
    assert [report["rows_read"] for report in reports] == [ROWS] * 3
    for each in definitions:
        assert loaded(tables, each["target"]) == ROWS
        assert outcomes(tables, each) == ["succeeded"]
    # Each schema has a ledger of its own.
    assert tables.target.query(
        "SELECT target_table FROM other.etl_sales_target_periods"
        f" WHERE target_table LIKE '%{name}%'"
    ) == [(f"other.{name}_b",)]
    again = tables.job("run", "--report", "-")
    assert [json.loads(line)["rows_read"] for line in again.stdout.splitlines()] == [0] * 3


# What makes a table fail with this exit code, the most serious first.
FAILURES: dict[int, Callable[[AnyTables, str], object]] = {
    70: lambda tables, table: tables.standin.faults.ora_error(1002, on=table, times=None),
    78: lambda tables, table: tables.behind.execute(f"ALTER TABLE {table} ADD change_x numeric"),
    77: lambda tables, table: tables.behind.execute(
        f"INSERT INTO oracle_standin.hidden VALUES ('APPS', upper(split_part('{table}', '.', 2)))"
    ),
    69: lambda tables, table: tables.behind.execute(f"DROP TABLE {table}"),
    65: lambda tables, table: tables.behind.execute(f"DELETE FROM {table}"),
    75: lambda tables, table: tables.standin.faults.ora_error(1555, on=table, times=None),
}


def test_the_exit_code_is_the_most_serious(tables: AnyTables, name: str) -> None:
    codes = list(FAILURES)
    definitions = make(tables, name, *(f"x{code}" for code in reversed(codes)), "well", rows=2)
    for code, fail in FAILURES.items():
        fail(tables, f"apps.{name}_x{code}")
    well = definitions[-1]["target"]

    for number, code in enumerate(codes):
        failing = [
            each["target"]
            for each in definitions
            if each["target"].endswith(tuple(f"x{other}" for other in codes[number:]))
        ]
        chosen = [part for target in [*failing, well] for part in ("--table", target)]
        result = tables.job("run", *chosen)

        assert result.exit_code == code, result.stderr
        failed = [event for event in result.events if event["event"] == "table_failed"]
        assert [event["target_table"] for event in failed] == failing
        assert f"{len(failing)} of {len(failing) + 1} tables failed." in result.failure["error"]
        assert all(target in result.failure["error"] for target in failing)
        assert "Traceback" not in result.stderr
        assert loaded(tables, well) == 2
    assert outcomes(tables, definitions[-1]) == ["succeeded"] * len(codes)
    assert outcomes(tables, definitions[0]) == ["failed"] * len(codes)


def slow_copy(tables: AnyTables, table: str) -> threading.Event:
    """Makes the reading of a table take seconds; the event says that it has begun."""
    reached = threading.Event()

    def note(rows: int) -> None:
        if rows:
            reached.set()

    tables.standin.faults.before_fetch(note, on=table)
    tables.standin.faults.delay(fetch=2, on=table)
    return reached


def test_a_stop_in_mid_copy_of_the_second(tables: AnyTables, name: str) -> None:
    definitions = make(tables, name, "a", "b", "c")
    reached = slow_copy(tables, f"{name}_b")
    process = Process(["run"], tables.job.environ | SMALL_BATCHES)
    assert reached.wait(60), process.log()

    process.signal(signal.SIGTERM)
    result = process.wait(30)

    assert result.exit_code == 143, result.stderr
    assert result.failure["error"] == (
        f"other.{name}_b: Stopped by SIGTERM; nothing was committed."
    )
    assert [loaded(tables, each["target"]) for each in definitions] == [ROWS, None, None]
    assert [outcomes(tables, each) for each in definitions] == [["succeeded"], ["failed"], []]


def _stopped_after_loading(tables: AnyTables, target: str, pushgateway: str) -> Result:
    """A run that is stopped while it pushes the report of this table; the push takes a second."""
    slow = {"ETL_PUSHGATEWAY_URL": pushgateway, "ETL_PUSHGATEWAY_TIMEOUT_SECONDS": "1"}
    process = Process(["run"], tables.job.environ | slow)
    deadline = time.monotonic() + 60
    while loaded(tables, target) is None:
        assert time.monotonic() < deadline, process.log()
        time.sleep(0.02)
    process.signal(signal.SIGTERM)
    return process.wait(30)


def test_a_stop_while_the_first_is_reported(tables: AnyTables, name: str) -> None:
    definitions = make(tables, name, "a", "b", "c", rows=2)
    with holding_server() as server:
        result = _stopped_after_loading(tables, definitions[0]["target"], server.url)

    assert result.exit_code == 143, result.stderr
    assert result.failure["error"] == (
        f"other.{name}_b: Stopped by SIGTERM; it and the tables after it were not loaded."
    )
    assert [loaded(tables, each["target"]) for each in definitions] == [2, None, None]
    assert [outcomes(tables, each) for each in definitions] == [["succeeded"], [], []]


def test_a_stop_while_the_last_is_reported_is_too_late(tables: AnyTables, name: str) -> None:
    definitions = make(tables, name, "a", "b", rows=2)
    with holding_server() as server:
        result = _stopped_after_loading(tables, definitions[1]["target"], server.url)

    assert result.exit_code == 0, result.stderr
    assert [outcomes(tables, each) for each in definitions] == [["succeeded"]] * 2


def test_killed_in_the_second(tables: AnyTables, name: str) -> None:
    definitions = make(tables, name, "a", "b", "c")[::2]  # two of one ledger
    tables.define(*definitions)
    reached = slow_copy(tables, f"{name}_c")
    process = Process(["run"], tables.job.environ | SMALL_BATCHES)
    assert reached.wait(60), process.log()
    process.signal(signal.SIGKILL)
    assert process.wait(30).exit_code == -signal.SIGKILL
    tables.standin.faults.clear()
    assert [outcomes(tables, each) for each in definitions] == [["succeeded"], ["running"]]
    deadline = time.monotonic() + 30
    while sessions(tables):
        assert time.monotonic() < deadline
        time.sleep(0.02)

    result = tables.job("run", "--report", "-")

    assert result.exit_code == 0, result.stderr
    abandoned = [json.loads(line)["abandoned_runs"] for line in result.stdout.splitlines()]
    assert [len(each) for each in abandoned] == [0, 1]
    assert [outcomes(tables, each) for each in definitions] == [
        ["succeeded", "succeeded"],
        ["abandoned", "succeeded"],
    ]
    assert [loaded(tables, each["target"]) for each in definitions] == [ROWS, ROWS]


def sessions(tables: AnyTables) -> int:
    """The job's sessions in the target's database."""
    return int(
        tables.target.query(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND starts_with(application_name, 'etl-sales-target')"
        )[0][0]
    )


def test_fifty_tables_take_no_more_than_one(tables: AnyTables, name: str) -> None:
    make(tables, name, *map(str, range(50)), rows=20)
    started: list[Process] = []
    files: list[int] = []
    memory: list[int] = []
    opened: list[tuple[int, int]] = []
    go_on = threading.Event()

    def sample(_rows: int) -> None:
        process = Path(f"/proc/{started[0].pid}")
        files.append(len(list((process / "fd").iterdir())))
        status = (process / "status").read_text()
        memory.append(int(status.split("VmRSS:")[1].split()[0]) * 1024)
        opened.append((tables.standin.sessions, sessions(tables)))

    def wait(_rows: int) -> None:
        go_on.wait(30)

    # Once for each table: its digests come in one answer.
    tables.standin.faults.before_fetch(wait, on="ora_hash")
    tables.standin.faults.before_fetch(sample, on="ora_hash")
    started.append(Process(["run", "--report", "-"], tables.job.environ))
    go_on.set()

    result = started[0].wait(120)

    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == len(files) == 50
    assert set(opened) == {(1, 1)}
    assert max(files) <= files[0] + 1
    # The first few tables import modules and fill caches.
    assert memory[-1] - memory[9] < 4 * 2**20, memory


def test_each_command_goes_on(tables: AnyTables, name: str) -> None:
    definitions = make(tables, name, "a", "b", "c", rows=2)
    assert tables.job("run").exit_code == 0
    tables.behind.execute(
        f"UPDATE apps.{name}_a SET x = 'other'", f"ALTER TABLE apps.{name}_b ADD y bytea"
    )

    check, verify, dry_run = (
        tables.job("check"),
        tables.job("verify"),
        tables.job("run", "--dry-run"),
    )
    shown, as_json = tables.job("tables"), tables.job("tables", "--json")

    assert [each.exit_code for each in (check, verify, dry_run, shown, as_json)] == [69] * 5
    assert f"FAILED  source columns apps.{name}_b: Column y of" in check.stdout
    assert f"OK      target table mb.{name}_c: columns and privileges fit" in check.stdout
    assert f"mb.{name}_a\nperiod" in verify.stdout
    assert f"mb.{name}_c\nEqual: 1 periods, 2 rows" in verify.stdout
    assert "2 of 3 tables failed." in verify.failure["error"]
    assert f"mb.{name}_c\n0 periods to read or delete, 1 unchanged" in dry_run.stdout
    assert f"target: mb.{name}_c\n" in shown.stdout
    described = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [each["target"] for each in described] == [f"mb.{name}_a", f"mb.{name}_c"]
    assert described[0]["columns"][1] == {
        "name": "x", "source_type": "VARCHAR2(9)", "needed_type": "text", "target_type": "text",
    }  # fmt: skip
    runs = tables.job("runs")
    assert runs.exit_code == 0
    assert runs.stdout.count("succeeded") == 3
    chosen = tables.job("verify", "--table", definitions[2]["target"].upper())
    assert (chosen.exit_code, chosen.stdout) == (
        0, "Equal: 1 periods, 2 rows, compared by control totals.\n",
    )  # fmt: skip


@pytest.mark.parametrize("command", ["run", "check", "verify", "runs", "tables"])
def test_an_unknown_table(tables: AnyTables, name: str, command: str) -> None:
    make(tables, name, "a", rows=1)

    result = tables.job(command, "--table", f"mb.{name}_a", "--table", "mb.nosuch")

    assert result.exit_code == 2
    assert f"mb.nosuch is not among the targets: mb.{name}_a." in result.stderr
    assert loaded(tables, f"mb.{name}_a") is None


def test_a_ledger_that_may_not_be_read_hides_no_other(tables: AnyTables, name: str) -> None:
    make(tables, name, "a", "b", "c", rows=1)
    assert tables.job("run").exit_code == 0
    login = tables.target.login_of(
        "GRANT USAGE ON SCHEMA mb, other TO {role}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA mb TO {role}",
    )

    result = tables.job("runs", AIRFLOW_CONN_POSTGRES_CONN_ID=login)

    assert result.exit_code == 77, result.stderr
    assert result.stdout.count("succeeded") == 2
    assert "1 of 3 tables failed." in result.failure["error"]
