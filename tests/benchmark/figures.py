"""The figures to reach, and what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from tabulate import tabulate

from benchmark.process import Usage
from benchmark.table import Conditions, Samples, times_faster
from benchmark.ways import (
    CEILING,
    COPY_PHASE,
    DOCUMENT,
    FIRST_LOAD,
    FULL,
    ONE_PERIOD,
    PEERS,
    UNCHANGED,
)

_Line = tuple[str, str, str, bool]


def as_text(found: Mapping[Conditions, Samples], starts: Sequence[Usage]) -> str:
    """A line for each size and figure. A small size is mostly start-up."""
    lines = []
    for conditions, samples in found.items():
        if not conditions.delay:
            lines += [(f"{conditions.rows:,}", *line) for line in _of_size(samples)]
    # Other work on the machine adds to it, and never takes from it.
    cpu = min(start.cpu_seconds for start in starts)
    lines.append(("", "CPU from start to first query", "<= 0.7 s", f"{cpu:.2f} s", cpu <= 0.7))
    return tabulate(
        [[*line[:-1], "yes" if line[-1] else "NO"] for line in lines],
        ["rows", "figure", "to reach", "measured", "reached"],
        tablefmt="github",
        disable_numparse=True,
        colalign=["right", "left", "right", "right", "left"],
    )


def _of_size(samples: Samples) -> Iterator[_Line]:
    full, one, same = samples[FULL], samples[ONE_PERIOD], samples[UNCHANGED]
    first = samples[FIRST_LOAD]
    yield _at_least("copy phase, of the ceiling", 0.85, samples, CEILING, COPY_PHASE)
    yield _at_least("first load with proof, of the ceiling", 0.5, samples, CEILING, FIRST_LOAD)
    for peer in PEERS:
        if peer in samples:
            wanted = 20 if peer == DOCUMENT else 5
            yield _at_least(f"times faster than {peer}", wanted, samples, peer, FIRST_LOAD)
    memory = max(sample.peak_bytes or 0 for sample in first) / 2**20
    yield "peak memory", "<= 96 MiB", f"{memory:.0f} MiB", memory <= 96
    moved = max(sample.rows_moved for sample in same)
    yield "nothing changed: rows moved", "0", f"{moved}", moved == 0
    wal = _wal(samples, UNCHANGED) / 1000
    yield "nothing changed: WAL", "< 100 kB", f"{wal:.0f} kB", wal < 100
    faster = median(s.seconds for s in full) / median(s.seconds for s in one)
    yield "one period: times faster than a full run", ">= 3", f"{faster:.1f}", faster >= 3
    less = _wal(samples, FULL) / _wal(samples, ONE_PERIOD)
    yield "one period: times less WAL than a full run", ">= 30", f"{less:.0f}", less >= 30


def _at_least(name: str, wanted: float, samples: Samples, slower: str, faster: str) -> _Line:
    measured = times_faster(samples[slower], samples[faster])
    return name, f">= {wanted:g}", f"{measured:.2f}", measured >= wanted


def _wal(samples: Samples, way: str) -> float:
    return median(sample.wal_bytes or 0 for sample in samples[way])
