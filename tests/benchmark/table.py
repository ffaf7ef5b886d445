"""Samples as one table: medians, with the spread of the seconds."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from tabulate import tabulate

from benchmark.contenders import CEILING, Sample
from benchmark.stage import Pace

Samples = dict[str, list[Sample]]

HEADERS = [
    "table", "contender", "rows", "source", "seconds (min-max)", "rows/s", "of the ceiling",
    "peak MiB", "WAL MB", "client CPU s", "result",
]  # fmt: skip


class Conditions(NamedTuple):
    """A table's name and rows, and how slow the source was made."""

    table: str
    rows: int
    pace: Pace


def as_text(found: Mapping[Conditions, Samples]) -> str:
    """Markdown that is as readable on a terminal."""
    lines = [line for conditions, samples in found.items() for line in _lines(conditions, samples)]
    align = ["left", "left", *["right"] * (len(HEADERS) - 3), "left"]
    return tabulate(lines, HEADERS, tablefmt="github", disable_numparse=True, colalign=align)


def _lines(conditions: Conditions, samples: Samples) -> list[list[str]]:
    return [
        [
            conditions.table,
            name,
            f"{conditions.rows:,}",
            str(conditions.pace),
            *_line(of_contender, samples[CEILING]),
        ]
        for name, of_contender in samples.items()
    ]


def _line(samples: Sequence[Sample], ceiling: Sequence[Sample]) -> list[str]:
    seconds = [sample.seconds for sample in samples]
    moved = median(sample.rows_moved for sample in samples)
    return [
        f"{median(seconds):.2f} ({min(seconds):.2f}-{max(seconds):.2f})",
        f"{moved / median(seconds):,.0f}" if moved else "",
        f"{times_faster(ceiling, samples):.2f}" if moved == ceiling[0].rows_moved else "",
        _median(samples, lambda sample: sample.peak_bytes, 2**20, ".0f"),
        _median(samples, lambda sample: sample.wal_bytes, 10**6, ".2f"),
        _median(samples, lambda sample: sample.cpu_seconds, 1, ".2f"),
        "exact" if all(sample.is_exact for sample in samples) else "LOSSY",
    ]


def times_faster(first: Sequence[Sample], second: Sequence[Sample]) -> float:
    """How many times faster the second is: the median of the rounds that measured both."""
    return median(a.seconds / b.seconds for a, b in zip(first, second, strict=False))


def _median(
    samples: Sequence[Sample], of: Callable[[Sample], float | None], unit: float, form: str
) -> str:
    values = [value for value in map(of, samples) if value is not None]
    return format(median(values) / unit, form) if values else ""
