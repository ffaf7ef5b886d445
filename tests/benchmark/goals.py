"""The goals, and what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tabulate import tabulate

from benchmark.contenders import (
    ADBC_EXACT,
    CEILING,
    CHUNKED_INSERT,
    COPY_PHASE,
    FIRST_LOAD,
    FULL,
    ONE_PERIOD,
    PEERS,
    UNCHANGED,
)
from benchmark.process import Usage
from benchmark.table import Conditions, Samples, times_faster
from benchmark.tables import MIXED, SALES_TARGET, WIDE

_MILLION = 1_000_000


@dataclass(frozen=True)
class Goal:
    """One goal: what is wanted, what was measured. `rows`: the size that it is stated for."""

    name: str
    rows: int
    wanted: str
    measured: str
    is_reached: bool


def as_text(found: Mapping[Conditions, Samples], starts: Sequence[Usage]) -> str:
    """A line for each size and goal. A smaller size than a goal's is mostly start-up."""
    lines = []
    for conditions, samples in found.items():
        of_table = _OF_TABLE[conditions.table]
        goals = _paced(conditions, samples) if any(conditions.pace) else of_table(samples)
        lines += [_line(conditions.table, conditions.rows, goal) for goal in goals]
    lines.append(["", "", *_line("", 0, _start_up(starts))[2:]])
    return tabulate(
        lines,
        ["table", "rows", "goal", "to reach", "measured", "reached"],
        tablefmt="github",
        disable_numparse=True,
        colalign=["left", "right", "left", "right", "right", "left"],
    )


def _line(table: str, rows: int, goal: Goal) -> list[str]:
    reached = "yes" if goal.is_reached else "NO"
    if rows < goal.rows:
        reached = f"is stated for {goal.rows:,}"
    return [table, f"{rows:,}", goal.name, goal.wanted, goal.measured, reached]


def _of_sales_target(samples: Samples) -> Iterator[Goal]:
    full, one = samples[FULL], samples[ONE_PERIOD]
    yield _at_least("copy phase, of the ceiling", 0.85, samples, CEILING, COPY_PHASE)
    yield _at_least(
        "first load with reconciliation, of the ceiling", 0.5, samples, CEILING, FIRST_LOAD
    )
    for peer in PEERS:
        if peer in samples:
            wanted = 20 if peer == CHUNKED_INSERT else 5
            yield _at_least(f"times faster than {peer}", wanted, samples, peer, FIRST_LOAD)
    yield _not_slower_than_adbc(samples)
    yield _memory(samples)
    yield from _nothing_changed(samples)
    faster = median(s.seconds for s in full) / median(s.seconds for s in one)
    yield Goal(
        "one period: times faster than a full run",
        5 * _MILLION,
        ">= 3",
        f"{faster:.1f}",
        faster >= 3,
    )
    less = _wal(samples, FULL) / _wal(samples, ONE_PERIOD)
    yield Goal(
        "one period: times less WAL than a full run",
        5 * _MILLION,
        ">= 30",
        f"{less:.0f}",
        less >= 30,
    )


def _paced(conditions: Conditions, samples: Samples) -> Iterator[Goal]:
    where = f", source {conditions.pace}"
    yield _not_slower_than_adbc(samples, where)
    seconds = median(sample.seconds for sample in samples[UNCHANGED])
    yield Goal(f"nothing changed{where}", 0, "<= 1.2 s", f"{seconds:.2f} s", seconds <= 1.2)


def _not_slower_than_adbc(samples: Samples, where: str = "") -> Goal:
    name = f"first load, times as fast as {ADBC_EXACT}{where}"
    return _at_least(name, 1, samples, ADBC_EXACT, FIRST_LOAD)


def _of_mixed(samples: Samples) -> Iterator[Goal]:
    yield _at_least("copy phase, of the ceiling", 0.6, samples, CEILING, COPY_PHASE)
    yield _memory(samples)
    yield from _nothing_changed(samples)


def _of_wide(samples: Samples) -> Iterator[Goal]:
    yield _memory(samples)


_OF_TABLE = {SALES_TARGET.name: _of_sales_target, MIXED.name: _of_mixed, WIDE.name: _of_wide}


def _memory(samples: Samples) -> Goal:
    memory = max(sample.peak_bytes or 0 for sample in samples[FIRST_LOAD]) / 2**20
    return Goal("peak memory", 0, "<= 96 MiB", f"{memory:.0f} MiB", memory <= 96)


def _nothing_changed(samples: Samples) -> Iterator[Goal]:
    moved = max(sample.rows_moved for sample in samples[UNCHANGED])
    yield Goal("nothing changed: rows moved", 0, "0", f"{moved}", moved == 0)
    wal = _wal(samples, UNCHANGED) / 1000
    yield Goal("nothing changed: WAL", 0, "< 100 kB", f"{wal:.0f} kB", wal < 100)


def _at_least(name: str, wanted: float, samples: Samples, slower: str, faster: str) -> Goal:
    measured = times_faster(samples[slower], samples[faster])
    return Goal(name, _MILLION, f">= {wanted:g}", f"{measured:.2f}", measured >= wanted)


def _start_up(starts: Sequence[Usage]) -> Goal:
    # Other work on the machine adds to it, and never takes from it.
    cpu = min(start.cpu_seconds for start in starts)
    return Goal("CPU from start to first query", 0, "<= 0.5 s", f"{cpu:.2f} s", cpu <= 0.5)


def _wal(samples: Samples, contender: str) -> float:
    return median(sample.wal_bytes or 0 for sample in samples[contender])
