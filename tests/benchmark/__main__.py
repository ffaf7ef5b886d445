"""`make bench`: this job beside the ceiling and beside what people would use instead.

All ways run in turn, so that whatever else the machine does meets all of them. The first round
fills the stand-in's cache and is not counted.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence

from benchmark import table
from benchmark.stage import Stage, stage
from benchmark.ways import Sample, Way, after_an_edit, of_the_job
from embedded_postgres import unwind_on_sigterm


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmark", description=main.__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    lines = []
    for rows in options.rows:
        _say(f"{rows:,} rows: filling the source.")
        with stage(rows) as ready:
            samples = _rounds(ready, of_the_job(), options.repeats)
            samples |= _rounds(ready, after_an_edit(), options.repeats)
            lines += table.lines(samples, rows=rows, delay=0)
    print(table.as_text(lines))
    return 0


def _rounds(ready: Stage, ways: Sequence[Way], repeats: int) -> dict[str, list[Sample]]:
    samples = defaultdict(list)
    for number in range(repeats + 1):
        for way in ways:
            _say(f"{ready.rows:,} rows, round {number} of {repeats}: {way.name}")
            for name, sample in way.measure(ready).items():
                if number:
                    samples[name].append(sample)
    return samples


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
