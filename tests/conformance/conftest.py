"""One stand-in a personality, and the report of each client on each: taken once, then judged."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest

from conformance import source
from conformance.clients import Client
from conformance.reports import Report, take_steps
from demo.embedded_postgres import EmbeddedPostgres
from oracle_standin import OracleStandin

Reports = Callable[[Client, str], Report]


@pytest.fixture(params=source.PERSONALITIES)
def personality(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def reports(postgres: EmbeddedPostgres) -> Iterator[Reports]:
    """The report of a client on a personality."""
    url = postgres.create_database("conformance")
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        servers: dict[str, OracleStandin] = {
            personality: stack.enter_context(OracleStandin(url, protocol=personality))
            for personality in source.PERSONALITIES
        }
        source.install(url)
        for server in servers.values():
            server.faults.ora_error(
                1555, after_rows=source.ROWS_BEFORE_ERROR, on="too_old", times=None
            )

        @cache
        def report(client: Client, personality: str) -> Report:
            if not client.installed.exists():
                pytest.skip(f"{client} is not installed: make conformance")
            return take_steps(client, servers[personality], Path(mkdtemp(dir=folder)))

        yield report
    postgres.drop_database("conformance")
