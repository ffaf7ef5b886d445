"""Several at once: runs beside runs, readers and writers of the target beside a load."""

import signal
import threading
import time
from functools import partial
from typing import Any

import psycopg
import pytest

from support.faults.harness import (
    COMMIT,
    LOADS_COMMIT,
    FaultHarness,
    comes_true,
    ended_as_one_of_many,
)
from support.faults.proxy import Hold, Link
from support.source_database import SourceRow
from support.target_database import TargetDatabase


def held_before_its_commit(harness: FaultHarness) -> Hold:
    """The next load reaches its commit, and waits there."""
    held = Hold()
    harness.postgres_proxy.at_text(COMMIT, held, nth=LOADS_COMMIT)
    return held


@pytest.mark.parametrize("number", [2, 10])
def test_runs_at_once(harness: FaultHarness, number: int) -> None:
    harness.edit()
    case = harness.case()

    processes = [harness.start("run", "--full") for _ in range(number)]
    results = [harness.record_output(process.wait()) for process in processes]

    loaded = [result for result in results if ended_as_one_of_many(result)]
    assert loaded
    case.ended(loaded[0], exit_codes={0})


@pytest.mark.parametrize(
    "beside",
    [
        ["run"],
        ["run", "--full"],
        ["backfill", "--from", "2024-01", "--to", "2024-06"],
    ],
)
def test_a_load_beside_a_load_is_told_who_loads(harness: FaultHarness, beside: list[str]) -> None:
    harness.edit()
    case = harness.case()
    held = held_before_its_commit(harness)
    first = harness.start("run")
    assert held.reached.wait(30)

    second = harness.run(*beside)
    held.go_on.set()
    result = first.wait()

    assert (second.exit_code, second.failure["reason"]) == (75, "locked")
    assert result.events[0]["run_id"] in second.failure["holder"]
    assert case.ended(result, exit_codes={0})


@pytest.mark.parametrize("command", [["verify"], ["verify", "--rows"], ["run", "--dry-run"]])
def test_what_only_reads_runs_beside_a_load(harness: FaultHarness, command: list[str]) -> None:
    harness.edit()
    case = harness.case()
    held = held_before_its_commit(harness)
    first = harness.start("run")
    assert held.reached.wait(30)

    reading = harness.run(*command)
    held.go_on.set()

    # The load is not there yet: verify says so, and nothing waits for it.
    assert reading.exit_code == (65 if command[0] == "verify" else 0), reading.stderr
    assert case.ended(first.wait(), exit_codes={0})
    assert harness.run(*command).exit_code == 0


def test_readers_see_the_old_or_the_new_rows_and_never_wait(harness: FaultHarness) -> None:
    """Ten thousand rows change their sum at once; eight readers look all the time."""
    harness.edit()
    case = harness.case()
    seen: set[tuple[Any, ...]] = set()
    waits: list[float] = []
    done = threading.Event()

    def read() -> None:
        with psycopg.connect(harness.target.url, autocommit=True) as connection:
            while not done.is_set():
                start = time.monotonic()
                row = connection.execute(
                    "SELECT count(*), sum(target_amount) FROM mb.sales_target"
                ).fetchone()
                waits.append(time.monotonic() - start)
                assert row
                seen.add(row)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    held = held_before_its_commit(harness)
    process = harness.start("run", "--full")
    assert held.reached.wait(60)
    looked = len(waits)
    assert comes_true(lambda: len(waits) > looked + 100)  # while the load holds all its locks
    held.go_on.set()
    result = process.wait()
    done.set()
    for reader in readers:
        reader.join()

    expected = {
        (len(rows), sum(row[4] for row in rows if row[4] is not None))
        for rows in (case.old, case.new)
    }
    assert seen == expected
    assert case.ended(result, exit_codes={0})


def test_a_writer_of_the_target_waits_and_its_rows_are_found(harness: FaultHarness) -> None:
    """Somebody else inserts during the load: after it, and the next run puts it right."""
    harness.edit()
    case = harness.case()
    held = held_before_its_commit(harness)
    process = harness.start("run")
    assert held.reached.wait(30)
    insert = "INSERT INTO mb.sales_target VALUES (-1, -1, 1, 2024, -1)"
    writer = threading.Thread(target=TargetDatabase(harness.target.url).execute, args=[insert])

    writer.start()
    assert comes_true(
        lambda: harness.target.query("SELECT 1 FROM pg_locks WHERE NOT granted") != []
    )
    held.go_on.set()
    result = harness.record_output(process.wait())
    writer.join()

    assert result.exit_code == 0
    assert len(harness.target.rows()) == len(case.new) + 1
    again = harness.run("run")
    assert again.event("run_finished")["periods"]["drifted"] == 1
    assert harness.target.rows() == case.new


def test_the_source_is_written_all_the_time(harness: FaultHarness) -> None:
    """Each run lands on one moment of the source, whatever is committed meanwhile."""
    done = threading.Event()
    snapshots: list[list[SourceRow]] = []

    def write() -> None:
        while not done.is_set():
            harness.edit()
            snapshots.append(harness.source.rows())

    snapshots.append(harness.source.rows())
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            assert harness.run("run").exit_code == 0
            landed = harness.target.rows()
            assert comes_true(partial(snapshots.__contains__, landed))
    finally:
        done.set()
        writer.join()
    case = harness.case()
    assert case.ended(harness.run("run"), exit_codes={0})


def test_a_killed_run_beside_one_that_waits(harness: FaultHarness) -> None:
    """The lock of a killed run is free as soon as the server has seen it go."""
    harness.edit()
    case = harness.case()
    held = held_before_its_commit(harness)
    first = harness.start("run")
    assert held.reached.wait(30)
    first.signal(signal.SIGKILL)
    killed = first.wait()
    harness.postgres_proxy.all(Link.drop)
    held.go_on.set()

    assert comes_true(lambda: harness.run("run").exit_code == 0)

    assert harness.target.rows() == case.new
    assert killed.exit_code == -signal.SIGKILL
    harness.reset_faults()
    harness.assert_nothing_left()
