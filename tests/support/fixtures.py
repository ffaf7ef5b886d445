"""The job between a source and a target, for every test that runs it."""

import os

import pytest

from etl_sales_target.config import airflow_connection
from etl_sales_target.oracle import parameters as oracle_parameters
from support.command import Job
from support.source_database import (
    ORACLE_TEST_CONN,
    OracleSource,
    SourceDatabase,
    StandinSource,
)
from support.target_database import TargetDatabase


@pytest.fixture
def source(request: pytest.FixtureRequest) -> SourceDatabase:
    """An empty source table: in the Oracle that ORACLE_TEST_CONN names, else in the stand-in."""
    if ORACLE_TEST_CONN:
        parsed = airflow_connection.parse(ORACLE_TEST_CONN, name="ORACLE_TEST_CONN")
        arguments = oracle_parameters.parameters(parsed).connect_arguments()
        return OracleSource(ORACLE_TEST_CONN, arguments)
    standin = request.getfixturevalue("standin")
    return StandinSource(standin, request.getfixturevalue("standin_database_url"))


@pytest.fixture
def target(target_url: str) -> TargetDatabase:
    """An empty database for the target."""
    return TargetDatabase(target_url)


@pytest.fixture
def job(source: SourceDatabase, target: TargetDatabase) -> Job:
    """The command, with both connections set."""
    return Job(
        {
            "PATH": os.environ["PATH"],
            "AIRFLOW_CONN_ORACLE_CONN_ID": source.uri,
            "AIRFLOW_CONN_POSTGRES_CONN_ID": target.url,
            "ETL_SOURCE_TABLE": source.table,
            "ETL_LOG_FORMAT": "json",
            "ETL_CONNECT_TIMEOUT_SECONDS": "5",
            "ETL_RETRY_BUDGET_SECONDS": "0",
            "PYTHONWARNINGS": "error",
        }
    )


@pytest.fixture
def small_source(source: SourceDatabase) -> SourceDatabase:
    """24 rows in 12 months of 2024, a NULL amount in each."""
    source.insert((n, n % 5, n % 12 + 1, 2024, None if n < 12 else f"{n}.25") for n in range(24))
    return source
