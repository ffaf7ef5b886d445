"""The fault suite's databases and networks, and its two sizes.

`make test` runs a short part with a fixed seed; SOAK_MINUTES asks for the long one, FAULT_SEED for
another seed.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from embedded_postgres import EmbeddedPostgres
from faults.harness import SOAK_MINUTES, FaultHarness
from faults.observer import observed_source, observed_target
from faults.proxy import Proxy
from oracle_standin import OracleStandin

collect_ignore = [] if SOAK_MINUTES else ["test_soak.py"]

SEED = int(os.environ.get("FAULT_SEED", "20240229"))

_numbers = count(1)


@pytest.fixture(scope="module")
def harness(postgres: EmbeddedPostgres) -> Iterator[FaultHarness]:
    """Loaded databases behind proxies, shared by a module: every case must leave them clean."""
    with ExitStack() as stack:
        yield make_harness(stack, postgres, postgres)


def make_harness(
    stack: ExitStack, behind_source: EmbeddedPostgres, server: EmbeddedPostgres
) -> FaultHarness:
    """A new source and target on these servers, filled and loaded."""
    number = next(_numbers)
    source_name, target_name = f"fault_source_{number}", f"fault_target_{number}"
    source_url = behind_source.create_database(source_name)
    stack.callback(behind_source.drop_database, source_name)
    target_url = server.create_database(target_name)
    stack.callback(server.drop_database, target_name)
    standin = stack.enter_context(OracleStandin(source_url, password="s3cret-of-oracle"))
    made = FaultHarness(
        source=stack.enter_context(observed_source(standin, source_url)),
        target=stack.enter_context(observed_target(target_url)),
        standin=standin,
        oracle_proxy=stack.enter_context(Proxy(standin.port)),
        postgres_proxy=stack.enter_context(Proxy(server.port)),
        seed=SEED,
    )
    made.fill()
    return made
