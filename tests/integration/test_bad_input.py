"""Each wrong setting, login or table: one clear sentence, the right exit code, nothing changed."""

import socket
from collections.abc import Iterator

import psycopg
import pytest

from oracle_standin import OracleStandin
from support.command import Job
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase
from support.urls import with_password


@pytest.fixture
def untouched(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> Iterator[TargetDatabase]:
    """A loaded target; after the test it must be what it was."""
    assert job("run").exit_code == 0
    small_source.execute("UPDATE {table} SET target_amount = 0")
    before = target.rows()
    yield target
    assert target.rows() == before


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["backfill", "--from", "2024-13", "--to", "2024-12"], "'2024-13' is not a month"),
        (["backfill", "--from", "2024-05", "--to", "2024-04"], "it is before --from"),
        (["backfill", "--from", "2024-05"], "Missing option '--to'"),
        (["run", "--fast"], "No such option"),
        (["runs", "--last", "0"], "0 is not in the range"),
        (["load"], "No such command 'load'"),
    ],
)
def test_usage(job: Job, untouched: TargetDatabase, arguments: list[str], sentence: str) -> None:
    result = job(*arguments)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ETL_BATCH_ROWS", "0", "ETL_BATCH_ROWS"),
        ("ETL_BATCH_ROWS", "many", "ETL_BATCH_ROWS"),
        ("ETL_ORACLE_MODE", "thicker", "thick, thin"),
        ("ETL_SOURCE_TABLE", "no_schema", "'no_schema' is not SCHEMA.TABLE"),
        ("ETL_TARGET_TABLE", "mb.t; DROP TABLE x", "is not SCHEMA.TABLE"),
        ("ETL_LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
        ("ETL_LOG_FORMAT", "xml", "json, text"),
        ("ETL_MAX_SHRINK_PERCENT", "101", "ETL_MAX_SHRINK_PERCENT"),
        ("AIRFLOW_CONN_ORACLE_CONN_ID", "", "AIRFLOW_CONN_ORACLE_CONN_ID"),
        ("AIRFLOW_CONN_ORACLE_CONN_ID", "{not json", "AIRFLOW_CONN_ORACLE_CONN_ID"),
        ("AIRFLOW_CONN_POSTGRES_CONN_ID", "mysql://u:p@h/d", "type postgres is needed"),
    ],
)
def test_configuration(
    job: Job, untouched: TargetDatabase, variable: str, value: str, sentence: str
) -> None:
    result = job("run", **{variable: value})

    assert result.exit_code == 78, result.stderr
    assert sentence in result.failure["error"]
    assert result.failure["remedy"]
    assert "Traceback" not in result.stderr


def test_a_wrong_password_is_tried_once(
    job: Job, untouched: TargetDatabase, standin: OracleStandin
) -> None:
    uri = with_password(job.environ["AIRFLOW_CONN_ORACLE_CONN_ID"], "wr0ng-passw0rd")
    logins = standin.login_attempts

    result = job("run", AIRFLOW_CONN_ORACLE_CONN_ID=uri, ETL_RETRY_BUDGET_SECONDS="60")

    assert result.exit_code == 77
    assert result.failure["code"] == "ORA-01017"
    assert [event["event"] for event in result.events].count("retry_scheduled") == 0
    assert standin.login_attempts - logins == 1
    assert "wr0ng-passw0rd" not in result.stderr


def test_a_wrong_password_of_postgres(job: Job, untouched: TargetDatabase) -> None:
    uri = with_password(job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"], "wr0ng-passw0rd")

    result = job("run", AIRFLOW_CONN_POSTGRES_CONN_ID=uri, ETL_RETRY_BUDGET_SECONDS="60")

    assert result.exit_code == 77
    assert result.failure["code"] == "28P01"
    assert "wr0ng-passw0rd" not in result.stderr


@pytest.mark.parametrize("extra", ["autocommit", "row_factory", "nosuch"])
def test_an_extra_that_libpq_does_not_know(job: Job, untouched: TargetDatabase, extra: str) -> None:
    uri = job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"]

    result = job("run", AIRFLOW_CONN_POSTGRES_CONN_ID=f"{uri}?{extra}=1")

    assert result.exit_code == 78, result.stderr
    assert f'invalid connection option "{extra}"' in result.failure["error"]


def test_an_unknown_service(job: Job, untouched: TargetDatabase) -> None:
    uri = job.environ["AIRFLOW_CONN_ORACLE_CONN_ID"].rpartition("/")[0] + "/NOSUCH"

    result = job("run", AIRFLOW_CONN_ORACLE_CONN_ID=uri)

    assert result.exit_code == 75
    assert result.failure["code"] in {"DPY-6001", "ORA-12514"}
    assert "service name" in result.failure["remedy"]


def test_nobody_listens(job: Job, untouched: TargetDatabase) -> None:
    oracle = job("run", AIRFLOW_CONN_ORACLE_CONN_ID=f"oracle://u:p@127.0.0.1:{free_port()}/S")
    postgres = job("run", AIRFLOW_CONN_POSTGRES_CONN_ID=f"postgres://u:p@127.0.0.1:{free_port()}/d")

    assert (oracle.exit_code, postgres.exit_code) == (75, 75)
    assert oracle.failure["error"].startswith("Oracle: could not connect to the source")
    assert postgres.failure["error"].startswith("PostgreSQL: could not connect to the target")


@pytest.mark.parametrize(
    ("edit", "code", "sentence"),
    [
        ("ALTER TABLE {table} RENAME TO elsewhere", "ORA-00942", "does not exist"),
        ("ALTER TABLE {table} DROP COLUMN product_id", "ORA-00904", "has no column product_id"),
        (
            "ALTER TABLE {table} ALTER COLUMN product_id TYPE text",
            None,
            (
                "Column product_id of mb.sales_target is numeric, and VARCHAR2(4000) of the "
                "source needs text."
            ),
        ),
    ],
)
def test_the_source_is_not_as_expected(
    job: Job,
    untouched: TargetDatabase,
    small_source: SourceDatabase,
    edit: str,
    code: str | None,
    sentence: str,
) -> None:
    small_source.execute(edit)

    result = job("run")

    assert result.exit_code == 69, result.stderr
    assert result.failure.get("code") == code
    assert sentence in result.failure["error"]
    assert result.failure["remedy"]


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            "ALTER TABLE mb.sales_target ALTER target_amount TYPE numeric(12, 2)",
            (
                "Column target_amount of mb.sales_target is numeric(12,2), and NUMBER of the "
                "source needs numeric."
            ),
        ),
        (
            "ALTER TABLE mb.sales_target RENAME product_id TO product",
            "Column product_id is in apps.khs_customers_trx_targets, but not in mb.sales_target.",
        ),
    ],
)
def test_the_target_is_not_as_expected(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, edit: str, sentence: str
) -> None:
    assert job("run").exit_code == 0
    target.execute(edit)

    result = job("run")

    assert result.exit_code == 69, result.stderr
    assert result.failure["error"] == sentence
    assert target.query("SELECT count(*) FROM mb.sales_target") == [(24,)]


def test_a_missing_privilege_is_named(job: Job, untouched: TargetDatabase) -> None:
    user = f"reader_{untouched.url.rpartition('_')[2]}"
    untouched.execute(f"""
        CREATE ROLE {user} LOGIN PASSWORD 'secret-of-reader';
        GRANT USAGE, CREATE ON SCHEMA mb TO {user};
        GRANT SELECT, INSERT, UPDATE, DELETE
           ON mb.etl_sales_target_runs, mb.etl_sales_target_periods TO {user};
        GRANT SELECT ON mb.sales_target TO {user}
    """)
    parts = psycopg.conninfo.conninfo_to_dict(untouched.url)
    uri = f"postgres://{user}:secret-of-reader@{parts['host']}:{parts['port']}/{parts['dbname']}"

    result = job("run", AIRFLOW_CONN_POSTGRES_CONN_ID=uri)

    assert result.exit_code == 77, result.stderr
    assert "may not INSERT, DELETE on mb.sales_target" in result.failure["error"]
    assert result.failure["remedy"] == "GRANT INSERT, DELETE ON mb.sales_target TO its user."


def test_debug_shows_the_stack_and_the_statements_but_no_secret(
    job: Job, untouched: TargetDatabase, small_source: SourceDatabase
) -> None:
    small_source.execute("ALTER TABLE {table} DROP COLUMN product_id")

    result = job("run", ETL_LOG_LEVEL="DEBUG")

    assert result.exit_code == 69
    assert "Traceback" in result.stderr
    assert "ora_hash" in result.stderr.lower() or "SELECT" in result.stderr
    for uri in ("AIRFLOW_CONN_ORACLE_CONN_ID", "AIRFLOW_CONN_POSTGRES_CONN_ID"):
        password = psycopg.conninfo.conninfo_to_dict(untouched.url)["password"]
        assert isinstance(password, str)
        assert password not in result.stderr
        assert job.environ[uri] not in result.stderr
