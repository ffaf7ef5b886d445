"""How many round trips to Oracle a small run takes after its login."""

from collections import Counter

import pytest

from oracle_standin import calls
from oracle_standin.conversation import Reply
from oracle_standin.requests import Function
from support.command import Job
from support.source_database import SourceDatabase


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The calls that the stand-in is asked for, by their function."""
    found: Counter[str] = Counter()
    answer = calls.Calls.answer

    def counting(self: calls.Calls, code: int) -> Reply:
        found[Function(code).name] += 1
        return answer(self, code)

    monkeypatch.setattr(calls.Calls, "answer", counting)
    return found


def test_a_run_that_finds_no_change(
    job: Job, small_source: SourceDatabase, counted: Counter[str]
) -> None:
    """The columns, the snapshot, its time, the digests; rollbacks before and after."""
    assert small_source.rows()
    assert job("run").exit_code == 0
    counted.clear()

    assert job("run").exit_code == 0

    assert counted == {"EXECUTE": 4, "ROLLBACK": 2}


def test_a_first_load_also_reads_comments_and_rows(
    job: Job, small_source: SourceDatabase, counted: Counter[str]
) -> None:
    assert small_source.rows()

    assert job("run").exit_code == 0

    assert counted == {"EXECUTE": 8, "ROLLBACK": 2}


def test_a_load_of_many_rows(job: Job, source: SourceDatabase, counted: Counter[str]) -> None:
    """Where Oracle is far, their number decides how long the load takes."""
    source.insert((n, 1, n % 12 + 1, 2024, 1) for n in range(100_000))

    assert job("run").exit_code == 0

    # The first 40,000 rows come with the answer to the query.
    assert counted == {"EXECUTE": 8, "FETCH": 2, "ROLLBACK": 2}
