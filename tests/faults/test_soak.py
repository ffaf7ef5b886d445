"""The long part: random cases until the time is over, a run a second, and twenty million rows.

`make soak MINUTES=20` runs it; FAULT_SEED repeats what a seed chose.
"""

import json
import os
import random
import sys
import time
from collections import Counter

import pytest

from demo.databases import fill_source
from support.faults.at_random import cut_somewhere, garble_somewhere, kill_somewhere
from support.faults.harness import DATABASES, FaultHarness, ended_as_one_of_many
from support.faults.proxy import CUTS
from support.faults.suite import SEED, SOAK_MINUTES
from support.processes import LIMITED, Process

ROWS = int(os.environ.get("SOAK_ROWS", "20000000"))
PERIODS = 240

# Resident; besides, the address space is limited as for a hostile server.
LARGEST_RESIDENT_BYTES = 128 << 20


def random_case(harness: FaultHarness) -> str:
    """One case of a random kind; returns what it was."""
    kind = harness.random.choices(["kill", "cut", "garble", "race"], [6, 3, 1, 1])[0]
    if kind == "kill":
        return kill_somewhere(harness)
    if kind == "race":
        return f"{_race(harness)} of several runs at once loaded"
    database = harness.random.choice(DATABASES)
    if kind == "garble":
        harm = garble_somewhere(harness, database)
        return f"{database} {'garbled' if harm else 'not reached'}"
    action = harness.random.choice(list(CUTS))
    harm = cut_somewhere(harness, database, action)
    return f"{database} {action if harm else 'not reached'}"


def _race(harness: FaultHarness) -> int:
    harness.edit()
    case = harness.case()
    number = harness.random.randint(2, 5)
    processes = [harness.start("run", "--full") for _ in range(number)]
    loaded = [
        result
        for result in [harness.record_output(process.wait()) for process in processes]
        if ended_as_one_of_many(result)
    ]
    case.ended(loaded[0], exit_codes={0})
    return len(loaded)


def test_random_cases_until_the_time_is_over(
    harness: FaultHarness, capfd: pytest.CaptureFixture[str]
) -> None:
    deadline = time.monotonic() + SOAK_MINUTES * 60
    found: Counter[str] = Counter()
    number = 0
    try:
        while time.monotonic() < deadline:
            harness.random = random.Random(f"{SEED}/{number}")
            found[random_case(harness)] += 1
            number += 1
    finally:
        lines = [f"seed {SEED}: {number} cases passed", *map(_line, sorted(found.items()))]
        say(capfd, *lines)


def _line(found: tuple[str, int]) -> str:
    return f"{found[1]:6} {found[0]}"


def say(capfd: pytest.CaptureFixture[str], *lines: str) -> None:
    """To whoever waits for the end of a soak."""
    with capfd.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")


def test_a_run_a_second_leaves_no_growth(
    harness: FaultHarness, capfd: pytest.CaptureFixture[str]
) -> None:
    deadline = time.monotonic() + SOAK_MINUTES * 60 / 2
    peaks, sizes = [], []
    while time.monotonic() < deadline:
        start = time.monotonic()
        harness.edit()
        result = harness.run("run")
        assert result.exit_code == 0, result.stderr
        peaks.append(result.event("run_finished")["peak_memory_bytes"])
        ((size,),) = harness.target.query("SELECT pg_total_relation_size('mb.sales_target')")
        sizes.append(size)
        time.sleep(max(0, start + 1 - time.monotonic()))

    assert harness.target.rows() == harness.source.rows()
    harness.assert_nothing_left()
    third = len(peaks) // 3
    say(
        capfd,
        f"{len(peaks)} runs; memory {max(peaks[:third])} then {max(peaks[-third:])} bytes;"
        f" the table {max(sizes[:third])} then {max(sizes[-third:])} bytes",
    )
    assert max(peaks[-third:]) < 1.05 * max(peaks[:third])
    assert max(sizes[-third:]) < 1.5 * max(sizes[:third])


def test_twenty_million_rows_in_little_memory(
    harness: FaultHarness, capfd: pytest.CaptureFixture[str]
) -> None:
    harness.source.execute("DELETE FROM {table}")
    fill_source(harness.source.database_url, ROWS, PERIODS)
    environ = harness.environ | {
        "ETL_BATCH_ROWS": "5000",
        "ETL_CALL_TIMEOUT_SECONDS": "3600",
        "ETL_MAX_SHRINK_PERCENT": "100",
    }

    result = Process(["run"], environ, prefix=LIMITED).wait(3600)

    assert result.exit_code == 0, result.stderr
    finished = result.event("run_finished")
    shown = ("rows_read", "rows_per_second", "seconds", "peak_memory_bytes", "phase_seconds")
    say(capfd, json.dumps({name: finished[name] for name in shown}))
    assert finished["rows_target"] == ROWS
    assert finished["peak_memory_bytes"] < LARGEST_RESIDENT_BYTES
