"""The first loads of the sales target as bars: this job beside the others, source by source."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median

from benchmark.contenders import ADBC_EXACT, ADBC_LOSSY, FIRST_LOAD, PEERS, Sample
from benchmark.stage import Pace
from benchmark.table import Conditions, Samples, times_faster
from benchmark.tables import SALES_TARGET

_FIRST_LOADS = {FIRST_LOAD, ADBC_EXACT, ADBC_LOSSY, *PEERS}

_WIDTH, _LABELS, _BARS = 900, 300, 400
_BAR, _GAP, _TOP = 20, 6, 64
_TEXT, _FAINT = "#24292f", "#57606a"
_OURS, _EXACT, _LOSSY = "#3274d9", "#8b949e", "#e0752d"


def as_svg(found: Mapping[Conditions, Samples]) -> str:
    """The largest size that was measured beside other ways.

    A bar is as long as the load took; its ratio is to the job's, of the rounds that measured both.
    """
    rows = max(each.rows for each, samples in found.items() if ADBC_EXACT in samples)
    groups = {
        each.pace: {name: of for name, of in samples.items() if name in _FIRST_LOADS}
        for each, samples in found.items()
        if each.table == SALES_TARGET.name and each.rows == rows
    }
    longest = max(_seconds(of) for group in groups.values() for of in group.values())
    lines, top = [], _TOP
    for pace, group in groups.items():
        lines.append(_text(0, top + 14, _title(pace), weight="bold"))
        top += _BAR + _GAP
        for name, of in sorted(group.items(), key=lambda each: _seconds(each[1])):
            lines += _bar(top, name, of, group[FIRST_LOAD], longest)
            top += _BAR + _GAP
        top += _GAP
    return "\n".join([*_head(rows, top), *lines, "</svg>", ""])


def _seconds(of: Sequence[Sample]) -> float:
    return median(sample.seconds for sample in of)


def _title(pace: Pace) -> str:
    if pace.rows_per_second:
        return f"A source that sends {pace.rows_per_second:,} rows a second"
    return f"{pace.delay:g} ms per round trip to the source" if pace.delay else "A source nearby"


def _bar(
    top: int, name: str, of: Sequence[Sample], ours: Sequence[Sample], longest: float
) -> Iterator[str]:
    is_exact = all(sample.is_exact for sample in of)
    colour = _OURS if name == FIRST_LOAD else _EXACT if is_exact else _LOSSY
    width = max(1, _BARS * _seconds(of) / longest)
    said = f"{_seconds(of):.2f} s"
    if name != FIRST_LOAD:
        said += f", {times_faster(of, ours):.2f} of the job's time"
    if not is_exact:
        said += ", not exact"
    yield _text(0, top + 14, name)
    yield f'<rect x="{_LABELS}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'
    yield _text(_LABELS + width + 6, top + 14, said, colour=_FAINT)


def _head(rows: int, height: int) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">'
    )
    yield f'<rect x="-10" width="{_WIDTH}" height="{height}" fill="white"/>'
    yield _text(0, 22, f"First load of {rows:,} rows: seconds of the whole process", size=15)
    yield _text(
        0, 42, "The job reconciles before it commits; no other does. Shorter is better.",
        colour=_FAINT,
    )  # fmt: skip


def _text(
    x: float, y: float, text: str, *, colour: str = _TEXT, size: int = 12, weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" fill="{colour}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
