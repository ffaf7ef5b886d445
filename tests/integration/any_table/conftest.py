"""Tables of any columns, at a stand-in for each generation of servers."""

from collections.abc import Iterator
from itertools import count
from typing import Literal

import pytest

from demo.embedded_postgres import EmbeddedPostgres
from oracle_standin import OracleStandin
from support.any_table import AnyTables
from support.source_database import ORACLE_TEST_CONN
from support.target_database import TargetDatabase

_numbers = count(1)


@pytest.fixture(scope="module")
def tables(
    request: pytest.FixtureRequest,
    postgres: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AnyTables]:
    """No table yet, for a module's tests together. Its parameter is the server's generation."""
    if ORACLE_TEST_CONN:
        pytest.skip("makes tables where only the stand-in lets it")
    number = next(_numbers)
    names = f"any_source_{number}", f"any_target_{number}"
    source_url, target_url = map(postgres.create_database, names)
    file = tmp_path_factory.mktemp("definitions") / "tables.yaml"
    protocol: Literal["19c", "23ai"] = getattr(request, "param", "19c")
    with OracleStandin(source_url, protocol=protocol) as standin:
        yield AnyTables(standin, TargetDatabase(target_url), file)
    for name in names:
        postgres.drop_database(name)


@pytest.fixture
def name() -> str:
    """Of a table that no other test has."""
    return f"t{next(_numbers)}"


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "tables" in request.fixturenames:
        request.getfixturevalue("tables").standin.faults.clear()
