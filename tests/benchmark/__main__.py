"""`make bench`: this job beside the ceiling and beside what people would use instead.

All contenders run in turn, so that whatever else the machine does meets all of them. The first
round of each size fills the stand-in's cache and is not counted.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmark import goals, machine, picture, table
from benchmark.contenders import (
    Contender,
    Sample,
    after_an_edit,
    of_adbc,
    of_loading,
    of_peers,
    of_reloading,
    start_up,
)
from benchmark.process import Usage
from benchmark.stage import AT_ONCE, Pace, Stage, stage
from benchmark.table import Conditions, Samples
from benchmark.tables import MIXED, SALES_TARGET, WIDE
from demo.embedded_postgres import unwind_on_sigterm


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print one table and what it says of the goals."""
    parser = argparse.ArgumentParser(prog="python -m benchmark", description=main.__doc__)
    add = parser.add_argument
    add("--rows", type=int, nargs="+", default=[100_000, 1_000_000], help="the sizes")
    add("--peers-up-to", type=int, default=1_000_000, help="larger sizes: the job alone")
    add("--delays", type=float, nargs="*", default=[5, 20], help="ms added to a round trip")
    add("--rows-per-second", type=int, nargs="*", default=[250_000], help="of a slow source")
    add("--paces-up-to", type=int, default=1_000_000, help="larger sizes: no slow source")
    add("--paced-peers-up-to", type=int, default=100_000, help="larger sizes: the job and ADBC")
    add("--repeats", type=int, default=5, help="rounds that count")
    add("--peer-repeats", type=int, default=1, help="of these, rounds with the others as well")
    add("--picture", type=Path, help="a file for the first loads as bars, in SVG")
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    print(machine.as_text(), flush=True)
    found: dict[Conditions, Samples] = {}
    for rows in options.rows:
        _say(f"{rows:,} rows: filling the source.")
        with stage(rows) as ready:
            found |= _measure_sales_target(ready, options)
            starts = [start_up(ready) for _ in range(options.repeats)]
        for other in (MIXED, WIDE):
            _say(f"{rows:,} rows, {other.name}: filling the source.")
            with stage(rows, other) as ready:
                rounds = [of_loading(other)] * options.repeats
                _run(ready, rounds[:1], "priming")
                found[Conditions(other.name, rows, AT_ONCE)] = _run(ready, rounds, "measuring")
    _print(found, starts)
    if options.picture:
        options.picture.write_text(picture.as_svg(found), encoding="utf-8")
    return 0


def _measure_sales_target(ready: Stage, options: argparse.Namespace) -> dict[Conditions, Samples]:
    own = [*of_loading(SALES_TARGET), *of_reloading(SALES_TARGET), *of_adbc()]
    peers = of_peers() if ready.rows <= options.peers_up_to else []
    without_peers = [own] * options.repeats
    rounds = [[*own, *peers]] * options.peer_repeats + without_peers[options.peer_repeats :]
    paced = rounds if ready.rows <= options.paced_peers_up_to else without_peers
    delays = [Pace(delay=delay) for delay in options.delays]
    rates = [Pace(rows_per_second=rows) for rows in options.rows_per_second]
    paces = [*delays, *rates] if ready.rows <= options.paces_up_to else []
    return _measure(ready, rounds, paced, paces)


def _measure(
    ready: Stage,
    rounds: Sequence[Sequence[Contender]],
    paced: Sequence[Sequence[Contender]],
    paces: Iterable[Pace],
) -> dict[Conditions, Samples]:
    _run(ready, rounds[:1], "priming")
    unpaced = Conditions(ready.table.name, ready.rows, AT_ONCE)
    found = {unpaced: _run(ready, rounds, "measuring")}
    for pace in paces:
        ready.set_pace(pace)
        samples = _run(ready, paced, f"measuring, source {pace}")
        found[Conditions(ready.table.name, ready.rows, pace)] = samples
    ready.set_pace(AT_ONCE)
    found[unpaced] |= _run(ready, [after_an_edit(ready.table)] * len(rounds), "measuring")
    return found


def _run(
    ready: Stage, rounds: Sequence[Sequence[Contender]], purpose: str
) -> dict[str, list[Sample]]:
    samples = defaultdict(list)
    for number, contenders in enumerate(rounds, start=1):
        for contender in contenders:
            _say(
                f"{ready.table.name}, {ready.rows:,} rows, {purpose}, "
                f"{number} of {len(rounds)}: {contender.name}"
            )
            for name, sample in contender.measure(ready).items():
                samples[name].append(sample)
    return dict(samples)


def _print(found: dict[Conditions, Samples], starts: Sequence[Usage]) -> None:
    print()
    print(table.as_text(found))
    print()
    print(goals.as_text(found, starts))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
