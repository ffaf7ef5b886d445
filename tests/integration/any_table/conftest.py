"""Tables of any columns, at a stand-in for each generation of servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from oracle_standin import OracleStandin
from support.any_table import AnyTables
from support.source_database import ORACLE_TEST_CONN
from support.target_database import TargetDatabase


@pytest.fixture
def tables(
    request: pytest.FixtureRequest,
    standin_database_url: str,
    target: TargetDatabase,
    tmp_path: Path,
) -> Iterator[AnyTables]:
    """No table yet. Its parameter is the generation of the server, by default 19c."""
    if ORACLE_TEST_CONN:
        pytest.skip("makes tables where only the stand-in lets it")
    protocol: Literal["19c", "23ai"] = getattr(request, "param", "19c")
    with OracleStandin(standin_database_url, protocol=protocol) as standin:
        yield AnyTables(standin, target, tmp_path / "tables.yaml")
