"""The log and the progress bar on a terminal, by a pseudo-terminal in its place."""

import os
import pty
import re
import sys
from collections.abc import Iterator

import pytest

from oracle_standin import OracleStandin
from support.command import Job
from support.source_database import SourceDatabase

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal that does not tell its size."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def shown(job: Job, terminal: tuple[int, int], *arguments: str, **environ: str) -> str:
    """All that the command wrote to the terminal."""
    ours, theirs = terminal
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "etl_sales_target", *arguments],
        job.environ | {"ETL_LOG_FORMAT": "text"} | environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs, number) for number in (1, 2)],
    )
    os.close(theirs)
    text = b""
    while chunk := _read(ours):
        text += chunk
    os.waitpid(pid, 0)
    return _COLOURS.sub("", text.decode())


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Nobody has the other end open any more.
        return b""


def test_text_and_a_bar(
    job: Job, small_source: SourceDatabase, terminal: tuple[int, int], standin: OracleStandin
) -> None:
    standin.faults.delay(fetch=0.2)

    text = shown(job, terminal, "run", ETL_BATCH_ROWS="1")

    # The bar: rows so far and in all, remaining time from the known count, rows per second.
    bars = re.findall(r"copy: +(\d+)%\|.*?\| ([\d.]+)/24\.0 \[(.*?)\]", text)
    assert len(bars) >= 3, text
    assert any(re.search(r"<\d\d:\d\d, .* rows/s", left) for _, _, left in bars)
    lines = [line for line in re.split(r"[\r\n]+", text) if re.match(r"\d\d:\d\d:\d\d ", line)]
    assert re.search(r"plan_created +periods='12 new' rows_source=24 ", "\n".join(lines))
    assert [line for line in lines if "run_id=" in line] == [lines[0], lines[-1]]
    assert re.search(r"run_finished .* rows_read=24 rows_inserted=24 ", lines[-1])
    assert "{" not in "".join(lines)


def test_a_failure(job: Job, small_source: SourceDatabase, terminal: tuple[int, int]) -> None:
    text = shown(job, terminal, "run", ETL_SOURCE_TABLE="APPS.NOSUCH")

    last = text.strip().splitlines()[-1]
    assert re.search(r"error +\] run_failed +error='Oracle: .*ORA-00942.*' remedy='.*' ", last)
    assert "exit_code=69" in last


def test_json_where_asked_for(
    job: Job, small_source: SourceDatabase, terminal: tuple[int, int]
) -> None:
    text = shown(job, terminal, "run", ETL_LOG_FORMAT="json")

    assert '"event": "run_finished"' in text
    assert "copy:" not in text
