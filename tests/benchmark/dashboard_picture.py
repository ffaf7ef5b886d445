"""Draws the dashboard as docs/dashboard.svg, from what a real Prometheus knows after real runs.

`python -m benchmark.dashboard_picture docs/dashboard.svg` makes a few runs, good and bad, between
the demo's databases, under the chart's memory limit (which takes root). They are pushed to a
Pushgateway that a Prometheus scrapes each second; then each panel of the chart's dashboard is drawn
from the answers to its own queries.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import psycopg

from demo.databases import Databases, databases
from demo.embedded_postgres import unwind_on_sigterm
from support import cgroups, dashboard
from support.monitoring import Prometheus, Pushgateway

ROWS = 120_000
CHARTS_LIMIT = 256 << 20
SOURCE = "apps.khs_customers_trx_targets"

Points = Sequence[tuple[float, float]]
Series = tuple[Mapping[str, str], Points]

_COLUMN, _ROW, _GAP, _TOP = 42, 30, 8, 44
_COLOURS = (
    "#3274d9", "#e0752d", "#56a64b", "#a352cc", "#e02f44", "#19a7a8", "#b88b00", "#7a7f87",
)  # fmt: skip
_TEXT, _FAINT = "#24292f", "#d0d7de"
# Grafana's names, in shades that can be read on white.
_NAMED = {"green": "#37872d", "orange": "#e0752d", "red": "#c4162a"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the runs and draw."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.dashboard_picture", description=main.__doc__
    )
    parser.add_argument("file", type=Path)
    file = parser.parse_args(arguments).file
    unwind_on_sigterm()
    with (
        databases(ROWS) as both,
        Pushgateway() as gateway,
        Prometheus(gateway) as prometheus,
        cgroups.memory_limit(CHARTS_LIMIT) as cgroup,
    ):
        start = time.time()
        _make_runs(both, gateway, cgroup)
        prometheus.wait_for_scrape()
        end = time.time()
        file.write_text(_picture(prometheus, start, end), encoding="utf-8")


def _make_runs(both: Databases, gateway: Pushgateway, cgroup: Path) -> None:
    def run(*arguments: str, **environ: str) -> None:
        subprocess.run(
            cgroups.inside(cgroup, [sys.executable, "-m", "etl_sales_target", *arguments]),
            env={**os.environ, **both.environ, "ETL_PUSHGATEWAY_URL": gateway.url, **environ},
            check=False,
        )
        time.sleep(3)  # Some scrapes see it.

    def edit(statement: str) -> None:
        with psycopg.connect(both.standin_database_url) as connection:
            connection.execute(statement.format(source=SOURCE).encode())

    run("run")
    run("run")
    edit("UPDATE {source} SET target_amount = target_amount + 1 WHERE id % 30001 = 0")
    run("run")
    edit("DELETE FROM {source} WHERE target_year = 2025 AND target_month = 12")
    run("run")
    run("run", ETL_SOURCE_TABLE="APPS.RENAMED")
    run("backfill", "--from", "2024-01", "--to", "2024-09")
    edit("CREATE TABLE apps.hidden AS SELECT * FROM {source}")
    edit("DELETE FROM {source} WHERE target_year = 2024 OR target_month > 2")
    run("run")
    edit("INSERT INTO {source} SELECT * FROM apps.hidden EXCEPT SELECT * FROM {source}")
    edit("INSERT INTO {source} SELECT id, product_id, 1, 2026, 100 FROM {source} WHERE id < 9000")
    run("run")
    run("run", "--full")
    run("run")


def _picture(prometheus: Prometheus, start: float, end: float) -> str:
    text = dashboard.FILE.read_text(encoding="utf-8")
    shown = dashboard.with_choices(text, target_table="mb.sales_target")
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in shown["panels"])
    width, height = 24 * _COLUMN + _GAP, bottom * _ROW + _TOP
    fonts = "Helvetica, Arial, sans-serif"
    box = f"0 0 {width} {height}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="{fonts}">',
        f"<metadata>sha256:{dashboard.digest()}</metadata>",
        f'<rect width="{width}" height="{height}" fill="#f4f5f7"/>',
        _words(14, 28, shown["title"], size=18, weight="bold"),
    ]
    for panel in shown["panels"]:
        lines += _panel(panel, prometheus, start, end)
    return "\n".join([*lines, "</svg>\n"])


def _panel(
    panel: Mapping[str, Any], prometheus: Prometheus, start: float, end: float
) -> Iterator[str]:
    place = panel["gridPos"]
    x, y = place["x"] * _COLUMN + _GAP, place["y"] * _ROW + _TOP
    width, height = place["w"] * _COLUMN - _GAP, place["h"] * _ROW - _GAP
    area = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    yield f'<rect {area} rx="3" fill="#fff" stroke="{_FAINT}"/>'
    yield _words(x + 10, y + 20, panel["title"], weight="bold")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    if panel["type"] == "stat":
        now = [
            (_name(target, labels), value)
            for target in panel["targets"]
            for labels, value in prometheus.query(target["expr"])
        ]
        yield from _numbers(panel, now, unit, x, y, width)
        return
    series: list[tuple[str, Points]] = [
        (_name(target, labels), points)
        for target in panel["targets"]
        for labels, points in prometheus.query_range(target["expr"], start, end, 0.5)
    ]
    stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    if stacked:
        series = list(_stacked(series))
    box = (x + 66, y + 36, width - 90, height - 100)
    yield from _axes(box, _highest(series), unit, end - start)
    for number, (name, points) in enumerate(series):
        colour = _fixed_colour(panel, name) or _COLOURS[number % len(_COLOURS)]
        yield _steps(points, box, start, end, _highest(series), colour, filled=stacked)
        columns = 4 if place["w"] > 8 else 3
        column, line = number % columns, number // columns
        left, base = x + 14 + column * (width - 20) / columns, y + height - 20 + line * 14
        yield f'<rect x="{left}" y="{base - 8}" width="10" height="3" fill="{colour}"/>'
        yield _words(left + 15, base - 3, name, size=11)


def _numbers(
    panel: Mapping[str, Any],
    now: Sequence[tuple[str, float]],
    unit: str,
    x: float,
    y: float,
    width: float,
) -> Iterator[str]:
    names = panel["options"]["textMode"] == "name"
    for number, (name, value) in enumerate(now):
        middle = x + width * (number + 0.5) / len(now)
        text = name if names else _formatted(value, unit)
        colour = _fixed_colour(panel, name) or _threshold_colour(panel, value)
        size = 15 if names else 22
        yield _words(middle, y + 72, text, size=size, colour=colour, anchor="middle", weight="bold")
        if name and not names:
            yield _words(middle, y + 94, name, size=11, anchor="middle")


def _fixed_colour(panel: Mapping[str, Any], name: str) -> str | None:
    """The colour that an override of the panel gives this series."""
    for override in panel["fieldConfig"]["overrides"]:
        matcher, options = override["matcher"]["id"], override["matcher"]["options"]
        pattern = options.strip("/") if matcher == "byRegexp" else re.escape(options) + "$"
        if re.search(pattern, name):
            [color] = [each for each in override["properties"] if each["id"] == "color"]
            return _NAMED[color["value"]["fixedColor"]]
    return None


def _threshold_colour(panel: Mapping[str, Any], value: float) -> str:
    """The colour of the last of the panel's steps that the value reaches."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return _NAMED[reached[-1]["color"]]


def _name(target: Mapping[str, str], labels: Mapping[str, str]) -> str:
    name = target["legendFormat"]
    for label, value in labels.items():
        name = name.replace(f"{{{{{label}}}}}", value)
    return name


def _stacked(series: Sequence[tuple[str, Points]]) -> Iterator[tuple[str, Points]]:
    """Each on top of those before it; the highest first, so that the lower are drawn over it."""
    below: dict[float, float] = {}
    found = []
    for name, points in series:
        below |= {moment: below.get(moment, 0) + value for moment, value in points}
        found.append((name, sorted(below.items())))
    return reversed(found)


def _highest(series: Sequence[tuple[str, Points]]) -> float:
    return max((value for _, points in series for _, value in points), default=1) or 1


def _axes(
    box: tuple[float, float, float, float], highest: float, unit: str, seconds: float
) -> Iterator[str]:
    x, y, width, height = box
    for part in (0, 0.5, 1):
        level = y + height * (1 - part)
        yield f'<line x1="{x}" x2="{x + width}" y1="{level}" y2="{level}" stroke="{_FAINT}"/>'
        yield _words(x - 6, level + 4, _formatted(highest * part, unit), size=11, anchor="end")
        moment = f"{seconds * part:.0f} s"
        yield _words(x + width * part, y + height + 15, moment, size=10, anchor="middle")


def _steps(
    points: Points,
    box: tuple[float, float, float, float],
    start: float,
    end: float,
    highest: float,
    colour: str,
    *,
    filled: bool,
) -> str:
    """A line that stays at a run's value until the next run, or the area below it."""
    x, y, width, height = box
    path, last = "", None
    for moment, value in points:
        left = x + width * (moment - start) / (end - start)
        level = y + height * (1 - value / highest)
        if last is None:
            path = f"M{left:.1f} {y + height}V{level:.1f}" if filled else f"M{left:.1f} {level:.1f}"
        elif value != last:
            path += f"H{left:.1f}V{level:.1f}"
        last = value
    path += f"H{left:.1f}"
    if filled:
        return f'<path d="{path}V{y + height}Z" fill="{colour}"/>'
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _formatted(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / (1 << 20):.1f} MiB"
    if unit == "s":
        return f"{value:.1f} s" if value < 60 else f"{value / 60:.1f} min"
    return f"{value:,.0f}"


def _words(
    x: float, y: float, text: str, *,
    size: int = 13, colour: str = _TEXT, anchor: str = "start", weight: str = "normal",
) -> str:  # fmt: skip
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    main()
