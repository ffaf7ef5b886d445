"""`--version`: three lines, whatever state Oracle's client library is in."""

from importlib import metadata
from pathlib import Path

import pytest

from etl_sales_target import __version__
from etl_sales_target.cli import execute


def version_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the command prints; it never fails."""
    assert execute(["--version"]) == 0
    return capsys.readouterr().out.splitlines()


def test_job_driver_and_no_client(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("ETL_ORACLE_CLIENT_DIR", str(tmp_path))

    assert version_lines(capsys) == [
        f"etl-sales-target {__version__}",
        f"python-oracledb {metadata.version('oracledb')}",
        f"Oracle client library: none in {tmp_path}, thin mode",
    ]


def test_a_client_that_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("ETL_ORACLE_CLIENT_DIR", str(tmp_path))
    (tmp_path / "libclntsh.so").write_text("a text file")

    assert f"{tmp_path}/libclntsh.so cannot be loaded" in version_lines(capsys)[2]


def test_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ETL_BATCH_ROWS", "many")

    assert "BATCH_ROWS" in version_lines(capsys)[2]


def test_the_packages_version_is_the_jobs() -> None:
    assert metadata.version("etl-sales-target") == __version__
