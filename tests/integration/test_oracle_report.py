"""The report on an Oracle database can be shown to anybody: no secret and no row gets into it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oracle_report import outcomes
from support.project import PROJECT
from support.source_database import SourceDatabase

SECRET_ROW = "Zoë-4711-of-a-row"
FAILING = f"""
import pytest

@pytest.mark.parametrize("value", ["{SECRET_ROW}"])
def test_that_fails(value):
    print(value)
    raise AssertionError(f"ORA-01555: {{value}} {{__import__('os').environ['ORACLE_TEST_CONN']}}")

def test_that_passes():
    pass
"""


@pytest.fixture
def report(source: SourceDatabase, tmp_path: Path) -> str:
    """What is written of this source and of a test that fails with a row and a secret."""
    tests, file = tmp_path / "test_failing.py", tmp_path / "report.md"
    tests.write_text(FAILING)
    done = subprocess.run(
        [sys.executable, "-m", "oracle_report", str(file), str(tests)],
        env={**os.environ, "PYTHONPATH": "tests:job", "ORACLE_TEST_CONN": source.uri},
        cwd=PROJECT,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 1
    return file.read_text(encoding="utf-8")


def test_no_secret_and_no_row_gets_into_the_report(report: str, source: SourceDatabase) -> None:
    login, _, place = source.uri.removeprefix("oracle://").rpartition("@")

    assert SECRET_ROW not in report
    for secret in (*login.split(":"), *place.split("/"), place.split(":")[0]):
        assert f" {secret} " not in report
        assert f"{secret}@" not in report
    assert login.split(":")[1] not in report


def test_it_says_what_was_found(report: str) -> None:
    for fact in ("server version", "python-oracledb", "time to connect", "round trip, median"):
        assert f"| {fact} | " in report
    assert "| all | 1 | 1 | 0 |" in report
    assert "test_that_fails` ORA-01555" in report


def test_a_database_out_of_reach_leaves_no_report(tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    done = subprocess.run(
        [sys.executable, "-m", "oracle_report", str(file)],
        env={
            **os.environ,
            "PYTHONPATH": "tests:job",
            "ORACLE_TEST_CONN": "oracle://apps:secret-4711@127.0.0.1:1/none",
        },
        cwd=PROJECT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "The database cannot be reached: DPY-6005" in done.stdout
    assert "secret-4711" not in done.stdout + done.stderr
    assert not file.exists()


def test_parameters_of_a_test_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "results.xml"
    file.write_text(
        '<s><testcase classname="m" name="t[secret]" time="1"><failure message="x"/></testcase></s>'
    )

    assert outcomes.read(file)["m"].failed == {"t": []}
