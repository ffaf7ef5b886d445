"""Integration tests run against a real Oracle too, where ORACLE_TEST_CONN names one."""

import pytest

from oracle_standin import OracleStandin
from support.source_database import ORACLE_TEST_CONN


@pytest.fixture
def standin(standin: OracleStandin) -> OracleStandin:
    """The stand-in itself, for what a test does to no real Oracle: there the test is skipped."""
    if ORACLE_TEST_CONN:
        pytest.skip("does to the source what only the stand-in allows")
    return standin
