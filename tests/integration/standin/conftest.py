"""The real, unmodified driver and a stand-in for each module, with a table that tests may edit."""

from collections.abc import Iterator

import oracledb
import pytest

from demo.embedded_postgres import EmbeddedPostgres
from etl_sales_target.config import airflow_connection
from etl_sales_target.oracle import parameters as oracle_parameters
from oracle_standin import OracleStandin
from support.source_database import ORACLE_TEST_CONN
from support.standin import Behind, connect


@pytest.fixture(scope="module")
def behind(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[Behind]:
    name = request.module.__name__.rpartition(".")[2]
    yield Behind(postgres.create_database(name))
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def server(behind: Behind) -> Iterator[OracleStandin]:
    behind.execute("CREATE SCHEMA apps")
    with OracleStandin(behind.url) as standin:
        yield standin


@pytest.fixture
def connection(server: OracleStandin) -> Iterator[oracledb.Connection]:
    with connect(server) as opened:
        yield opened
    server.faults.clear()


@pytest.fixture
def oracle(request: pytest.FixtureRequest) -> Iterator[oracledb.Connection]:
    """The Oracle that ORACLE_TEST_CONN names, else the stand-in: what holds for both."""
    if not ORACLE_TEST_CONN:
        yield request.getfixturevalue("connection")
        return
    parsed = airflow_connection.parse(ORACLE_TEST_CONN, name="ORACLE_TEST_CONN")
    with oracledb.connect(**oracle_parameters.parameters(parsed).connect_arguments()) as opened:
        yield opened
