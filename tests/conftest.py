"""What every test may ask for: databases that are empty at its start and gone after it."""

import os
import re
import sys
from collections.abc import Iterator
from itertools import count

import pytest
import structlog
from hypothesis import settings

from demo.embedded_postgres import EmbeddedPostgres, unwind_on_sigterm
from oracle_standin import OracleStandin
from oracle_standin.installation import install

# Before anything imports it: an assert there says as much as one in a test.
pytest.register_assert_rewrite("support")
pytest_plugins = ["support.fixtures"]

# `make airflow-test` runs the ones in an environment of their own, `make e2e` the others.
collect_ignore = ["airflow", "conformance", "e2e"]

_OUTSIDE = re.compile(r"(ETL_|AIRFLOW_CONN_|PG).*")
_database_numbers = count(1)


# A busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Forget the settings of whoever runs the tests, and clean up on SIGTERM as on Ctrl-C."""
    for name in filter(_OUTSIDE.fullmatch, list(os.environ)):
        del os.environ[name]
    unwind_on_sigterm()


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """What a test that loads in its own process set up is no matter of the next one."""
    hook = sys.unraisablehook
    yield
    sys.unraisablehook = hook
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL server for all tests."""
    with EmbeddedPostgres() as server:
        yield server


@pytest.fixture(scope="session")
def _installed(postgres: EmbeddedPostgres) -> str:
    """The name of a database in which the stand-in is installed already, to make others from."""
    install(postgres.create_database("installed"))
    return "installed"


@pytest.fixture
def standin_database_url(postgres: EmbeddedPostgres, _installed: str) -> Iterator[str]:
    """The empty database behind the stand-in: its schema `apps` is what Oracle shows."""
    yield from _fresh_database(postgres, "standin", _installed)


@pytest.fixture
def target_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """An empty database for the target."""
    yield from _fresh_database(postgres, "target")


@pytest.fixture
def standin(standin_database_url: str) -> Iterator[OracleStandin]:
    """A running stand-in for Oracle."""
    with OracleStandin(standin_database_url) as server:
        yield server


def _fresh_database(
    postgres: EmbeddedPostgres, kind: str, template: str = "template1"
) -> Iterator[str]:
    name = f"{kind}_{next(_database_numbers)}"
    yield postgres.create_database(name, template)
    postgres.drop_database(name)
