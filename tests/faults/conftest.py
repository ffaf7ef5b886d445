"""The databases and networks of the fault suite."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.embedded_postgres import EmbeddedPostgres
from support.faults.harness import FaultHarness, make_harness
from support.faults.suite import SOAK_MINUTES

collect_ignore = [] if SOAK_MINUTES else ["test_soak.py"]


@pytest.fixture(scope="module")
def harness(postgres: EmbeddedPostgres) -> Iterator[FaultHarness]:
    """Loaded databases behind proxies, shared by a module: every case must leave them clean."""
    with ExitStack() as stack:
        yield make_harness(stack, postgres, postgres)
