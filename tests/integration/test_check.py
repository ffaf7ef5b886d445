"""`check`: a line each for what a run needs, with its remedy; nothing is changed."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from oracle_standin import OracleStandin
from support.command import Job, verdicts
from support.source_database import TABLE, SourceDatabase
from support.target_database import TargetDatabase
from support.urls import with_password

CREATE_SYNONYM = f"""
    INSERT INTO oracle_standin.synonyms VALUES ('APPS', 'KHS_V', 'APPS', '{TABLE.upper()}')
"""


def test_all_is_well(job: Job, small_source: SourceDatabase, target: TargetDatabase) -> None:
    first = job("check")
    assert target.query("SELECT to_regnamespace('mb')") == [(None,)]
    job("run")
    second = job("check")

    assert (first.exit_code, second.exit_code) == (0, 0), first.stdout + second.stdout
    assert {verdict for verdict, _ in verdicts(first).values()} == {"OK"}
    assert verdicts(first)["target table"][1] == "`run` will create it"
    assert verdicts(second)["target table"][1] == "columns and privileges fit"
    assert verdicts(second)["ledger"][1] == "tables and privileges fit"
    assert verdicts(second)["source object"][1] == "table"
    assert verdicts(second)["source columns"][1] == (
        "id NUMBER, product_id NUMBER, target_month NUMBER, target_year NUMBER, "
        "target_amount NUMBER"
    )
    assert verdicts(second)["client library"][1].startswith("not used: thin mode, as libclntsh.so")


def test_every_failure_is_listed(job: Job, small_source: SourceDatabase) -> None:
    small_source.execute("ALTER TABLE {table} DROP COLUMN product_id")
    uri = with_password(job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"], "wrong")

    result = job("check", AIRFLOW_CONN_POSTGRES_CONN_ID=uri)

    assert result.exit_code == 77  # The most serious failure's.
    assert verdicts(result)["source columns"][0] == "FAILED"
    assert verdicts(result)["target connection"][0] == "FAILED"
    assert "password" in verdicts(result)["target connection"][1]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("CREATE VIEW apps.khs_v AS SELECT * FROM {table}", "view"),
        ("CREATE TABLE apps.khs_v AS SELECT * FROM {table}", "table"),
        (CREATE_SYNONYM, "synonym for APPS.KHS_CUSTOMERS_TRX_TARGETS"),
    ],
)
def test_the_source_may_be_a_table_a_view_or_a_synonym(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    standin: OracleStandin,
    statement: str,
    found: str,
) -> None:
    small_source.execute(statement)

    result = job("check", ETL_SOURCE_TABLE="APPS.KHS_V")

    assert verdicts(result)["source object"] == ("OK", found)
    assert job("run", ETL_SOURCE_TABLE="APPS.KHS_V").exit_code == 0
    assert target.rows() == small_source.rows()


def test_a_missing_source(job: Job, small_source: SourceDatabase) -> None:
    result = job("check", ETL_SOURCE_TABLE="APPS.NOSUCH")

    assert result.exit_code == 69
    assert verdicts(result)["source columns"][0] == "FAILED"
    assert "ORA-00942" in verdicts(result)["source columns"][1]
    assert verdicts(result)["source object"][0] == "FAILED"


def test_a_missing_client_library(job: Job, small_source: SourceDatabase, tmp_path: Path) -> None:
    result = job("check", ETL_ORACLE_MODE="thick", ETL_ORACLE_CLIENT_DIR=str(tmp_path))

    assert result.exit_code == 69
    verdict, message = verdicts(result)["client library"]
    assert verdict == "FAILED"
    assert f"There is no libclntsh.so in {tmp_path}." in message
    assert "Instant Client" in message
    assert verdicts(result)["target connection"][0] == "OK"


def test_a_broken_client_library(job: Job, small_source: SourceDatabase, tmp_path: Path) -> None:
    (tmp_path / "libclntsh.so").write_text("not a library")

    result = job("run", ETL_ORACLE_MODE="thick", ETL_ORACLE_CLIENT_DIR=str(tmp_path))

    assert result.exit_code == 69
    assert "cannot be loaded" in result.failure["error"]


def test_a_drivers_message_keeps_the_password(job: Job, small_source: SourceDatabase) -> None:
    """A password that somebody typed as the user, too: PostgreSQL's refusal names the user."""
    password = "Kestrel-of-the-target"
    place = urlsplit(job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"])
    login = f"{password}:{password}@{place.hostname}:{place.port}"
    uri = place._replace(netloc=login).geturl()

    result = job("check", AIRFLOW_CONN_POSTGRES_CONN_ID=uri)

    assert verdicts(result)["target connection"][0] == "FAILED"
    assert 'user "***"' in verdicts(result)["target connection"][1]
    assert password not in result.stdout + result.stderr
