"""Tables that were loaded and edited."""

from pathlib import Path

import pytest

from support.command import Job
from support.history import SALES, ran
from support.source_database import SourceDatabase


@pytest.fixture
def loaded(job: Job, small_source: SourceDatabase) -> SourceDatabase:
    """24 rows in 12 months of 2024, loaded by run 1."""
    ran(job)
    return small_source


@pytest.fixture
def defined(job: Job, source: SourceDatabase, tmp_path: Path) -> Job:
    """The job with the sales target's definition in a file."""
    return job.loading(tmp_path / "tables.yaml", {"source": source.table, **SALES})


@pytest.fixture
def edited(job: Job, loaded: SourceDatabase) -> SourceDatabase:
    """The source after runs 2, 3 and 4, each of which found one change."""
    for amount in (2, 3, 4):
        loaded.execute(f"UPDATE {{table}} SET target_amount = {amount} WHERE id = 1")
        ran(job)
    return loaded
