"""The report of a run, wherever it goes: a file, XCom, the ledger, the pod's last words."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import pytest

from etl_sales_target.core import errors
from etl_sales_target.postgres.session import PostgresSession
from etl_sales_target.reporting import deliver, termination
from etl_sales_target.runtime import logs
from oracle_standin import OracleStandin
from support import cgroups
from support.command import Job
from support.documents import REPORT_SCHEMA
from support.inprocess import in_this_process
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase
from support.urls import with_password

HALF_A_GIB = 1 << 29


def validated(text: str) -> dict[str, Any]:
    """The report in this text, if it is what the schema says."""
    report: dict[str, Any] = json.loads(text)
    checker = jsonschema.Draft202012Validator(
        REPORT_SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    checker.validate(report)
    return report


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "report.json"


def test_of_a_run(job: Job, small_source: SourceDatabase, file: Path) -> None:
    result = job("run", "--report", str(file))

    report = validated(file.read_text())
    assert report["outcome"] == "succeeded"
    assert report["exit_code"] == result.exit_code == 0
    assert (report["rows_source"], report["rows_read"], report["rows_target"]) == (24, 24, 24)
    assert (report["rows_inserted"], report["rows_unchanged"], report["run_number"]) == (24, 0, 1)
    assert report["touched"][2] == {
        "period": "2024-03", "status": "new", "rows_source": 2, "rows_target": 0,
    }  # fmt: skip
    assert set(report["phase_seconds"]) == {
        "lock", "check", "digest", "plan", "copy", "reconcile", "commit",
    }  # fmt: skip
    assert sum(report["phase_seconds"].values()) <= report["seconds"]
    assert (report["earlier_runs"], report["abandoned_runs"], report["retries"]) == ({}, [], 0)
    assert report["run_id"] == result.event("run_finished")["run_id"]


def test_a_run_that_deleted_rows_returns_their_room(
    job: Job, small_source: SourceDatabase, file: Path
) -> None:
    """More than a tenth of the rows; autovacuum sees to fewer."""
    job("run")
    small_source.execute("UPDATE {table} SET target_amount = -1 WHERE id IN (5, 6)")
    job("run", "--report", str(file))
    assert "vacuum" not in validated(file.read_text())["phase_seconds"]
    small_source.execute("UPDATE {table} SET target_amount = -2 WHERE id IN (5, 6, 7)")
    job("run", "--report", str(file))

    report = validated(file.read_text())
    assert report["rows_deleted"] == 3
    assert "vacuum" in report["phase_seconds"]


def test_of_a_run_that_moves_nothing(job: Job, small_source: SourceDatabase, file: Path) -> None:
    job("run")
    job("run", "--report", str(file))

    report = validated(file.read_text())
    assert (report["rows_read"], report["touched"], report["rows_target"]) == (0, [], 24)
    assert report["earlier_runs"] == {"succeeded": 1}


def test_of_a_backfill(job: Job, small_source: SourceDatabase, file: Path) -> None:
    job("run")
    job("backfill", "--from", "2024-02", "--to", "2024-03", "--report", str(file))

    report = validated(file.read_text())
    assert report["mode"] == "backfill"
    assert report["periods"]["forced"] == 2


def test_of_a_failed_run(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    file: Path,
    standin: OracleStandin,
) -> None:
    standin.faults.ora_error(1555, after_rows=15)

    result = job("run", "--report", str(file), ETL_BATCH_ROWS="1")

    report = validated(file.read_text())
    assert report["exit_code"] == result.exit_code == 75
    assert (report["outcome"], report["reason"]) == ("failed", "temporary")
    assert (report["phase"], report["error_code"]) == ("copy", "ORA-01555")
    assert (report["error"], report["remedy"]) == (
        result.failure["error"],
        result.failure["remedy"],
    )
    assert report["bytes_from_oracle"] > 0
    assert target.last_run("error", "report ->> 'finished_at'") == (
        report["error"], report["finished_at"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "exit_code"),
    [
        ({"AIRFLOW_CONN_ORACLE_CONN_ID": "oracle://"}, 78),
        ({"AIRFLOW_CONN_POSTGRES_CONN_ID": "postgres://u:p@127.0.0.1:1/d"}, 75),
    ],
)
def test_of_a_run_that_failed_before_its_ledger(
    job: Job, small_source: SourceDatabase, file: Path, environ: dict[str, str], exit_code: int
) -> None:
    job("run", "--report", str(file), **environ)

    report = validated(file.read_text())
    assert (report["phase"], report["exit_code"]) == ("connect", exit_code)
    assert report["earlier_runs"] is None


def test_the_ledger_has_the_same(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, file: Path
) -> None:
    job("run", "--report", str(file))

    report = validated(file.read_text())
    ledger = validated(*target.last_run("report::text"))
    later = {"seconds", "phase", "phase_seconds"}
    assert {key: value for key, value in ledger.items() if key not in later} == {
        key: value for key, value in report.items() if key not in later
    }


def test_of_a_commit_whose_answer_was_lost(
    job: Job, small_source: SourceDatabase, file: Path
) -> None:
    """The next attempt finds the load done, and reports it as it was."""
    commit, commits = PostgresSession.commit, []

    def lose_the_second_answer(session: PostgresSession) -> None:
        commit(session)
        commits.append(1)
        if len(commits) == 2:
            raise errors.TemporaryError("The answer was lost.")

    with mock.patch.object(PostgresSession, "commit", lose_the_second_answer):
        exit_code = in_this_process(job, "run", "--report", str(file), ETL_RETRY_BUDGET_SECONDS="5")

    report = validated(file.read_text())
    assert (exit_code, report["outcome"], report["retries"]) == (0, "succeeded", 1)
    assert (report["rows_read"], report["rows_target"]) == (24, 24)


@pytest.fixture
def limited_cgroup() -> Iterator[Path]:
    with contextlib.ExitStack() as stack:
        try:
            cgroup = stack.enter_context(cgroups.memory_limit(HALF_A_GIB))
        except OSError as error:
            pytest.skip(f"needs a cgroup of its own: {error}")
        yield cgroup


@pytest.mark.usefixtures("small_source")
def test_under_a_memory_limit(job: Job, limited_cgroup: Path, file: Path) -> None:
    command = [sys.executable, "-m", "etl_sales_target", "run", "--report", str(file)]
    subprocess.run(cgroups.inside(limited_cgroup, command), env=job.environ, check=True)

    report = validated(file.read_text())
    assert report["memory_limit_bytes"] == HALF_A_GIB
    assert report["peak_memory_bytes"] < HALF_A_GIB


def test_on_standard_output(job: Job, small_source: SourceDatabase) -> None:
    result = job("run", "--report", "-")

    assert validated(result.stdout)["outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--dry-run", "--report", "x.json"], "A dry run leaves no report"),
        (["run", "--report", "/nowhere/x.json"], "/nowhere"),
        (["run", "--report", "/"], "is a directory"),
    ],
)
def test_a_file_that_cannot_be_is_known_before_the_run(
    job: Job, arguments: list[str], said: str
) -> None:
    result = job(*arguments)

    assert result.exit_code == 2
    assert said in result.stderr
    assert "run_started" not in result.stderr


def test_a_device_may_take_the_report(job: Job, small_source: SourceDatabase) -> None:
    result = job("run", "--report", "/dev/stdout")

    assert result.exit_code == 0, result.stderr
    assert validated(result.stdout)["outcome"] == "succeeded"
    full = job("run", "--report", "/dev/full")
    assert full.exit_code == 0, full.stderr
    assert full.event("report_not_written")["error"] == "No space left on device"


def test_a_file_that_cannot_be_written_any_more_is_a_warning(
    job: Job,
    small_source: SourceDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(deliver, "_XCOM_FOLDER", Path("/proc/self/fd"))

    assert in_this_process(job, "run") == 0
    assert "report_not_written" in capsys.readouterr().err


def test_in_xcom(
    job: Job, small_source: SourceDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_XCOM_FOLDER", tmp_path)
    returned = tmp_path / "return.json"

    assert in_this_process(job, "run") == 0
    assert validated(returned.read_text())["outcome"] == "succeeded"

    assert in_this_process(job, "run", ETL_SOURCE_TABLE="APPS.NOSUCH") == 69
    assert validated(returned.read_text())["reason"] == "not_found"


class TestLastWords:
    @pytest.fixture(autouse=True)
    def termination_log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        self.file = tmp_path / "termination-log"
        self.file.touch()
        monkeypatch.setattr(termination, "_FILE", self.file)
        return self.file

    @pytest.mark.usefixtures("small_source")
    def test_none_of_a_success(self, job: Job) -> None:
        assert in_this_process(job, "run") == 0
        assert self.file.read_text() == ""

    @pytest.mark.usefixtures("small_source")
    def test_one_line_of_a_failure(self, job: Job) -> None:
        assert in_this_process(job, "run", ETL_SOURCE_TABLE="APPS.NOSUCH") == 69

        said = self.file.read_text()
        assert said.startswith("not_found: Oracle: ")
        assert "ORA-00942" in said
        assert "\n" not in said

    def test_of_wrong_usage(self, job: Job) -> None:
        assert in_this_process(job, "run", "--fulll") == 2
        assert self.file.read_text().startswith("usage: No such option")

    def test_fit_and_keep_secrets(self) -> None:
        logs.register_secrets(["Tiger-of-the-source"])
        termination.write_termination_message("Tiger-of-the-source " + "é" * 5000)

        said = self.file.read_bytes()
        assert len(said) <= 4096
        assert said.decode().startswith("*** éé")

    def test_not_where_kubernetes_offers_no_file(self, job: Job) -> None:
        self.file.unlink()
        assert in_this_process(job, "run", "--fulll") == 2
        assert not self.file.exists()


def test_nothing_that_a_run_leaves_holds_a_secret(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, file: Path
) -> None:
    secret = "Lynx-of-the-target"
    uri = with_password(job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"], secret)
    result = job("run", "--report", str(file), AIRFLOW_CONN_POSTGRES_CONN_ID=uri)

    assert result.exit_code == 77
    assert secret not in file.read_text() + result.stderr + result.stdout
