"""What the job pushes, day by day, as promtool's series; and promtool's verdict on the rules."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from etl_sales_target.reporting.metrics import outcomes
from support.chart import render
from support.monitoring import PROMTOOL

DAY = 24
WEEK = 7 * DAY
HOURS = 15 * DAY

TABLE = "mb.sales_target"
OTHER_TABLE = "mb.orders"


def of_table(series: str, table: str = TABLE, namespace: str = "etl") -> str:
    """The series, `NAME` or `NAME{LABELS}`, as the table's group on the gateway has it."""
    name, _, labels = series.rstrip("}").partition("{")
    group = f'job="etl_sales_target", namespace="{namespace}", target_table="{table}"'
    return f"{name}{{{', '.join(filter(None, [labels, group]))}}}"


COMPLETED = "etl_sales_target_last_completion_timestamp_seconds"
SUCCEEDED = "etl_sales_target_last_success_timestamp_seconds"
DURATION = "etl_sales_target_last_run_duration_seconds"
INFO = 'etl_sales_target_last_run_info{mode="run", version="1.0.0"}'
WARNINGS = "etl_sales_target_last_success_warnings"
DRIFTED = 'etl_sales_target_last_success_periods{status="drifted"}'
PEAK = "etl_sales_target_last_run_peak_memory_bytes"
LIMIT = "etl_sales_target_last_run_memory_limit_bytes"
FULL_INFO = 'etl_sales_target_last_run_info{mode="full", version="1.0.0"}'
STARTED = "etl_sales_target_last_start_timestamp_seconds"
PUSHED = "push_time_seconds"
REFUSED = "push_failure_time_seconds"


# Prometheus takes a sample for gone after five minutes.
SAMPLES_AN_HOUR = 12


def steady(value: float, hours: float = HOURS) -> str:
    """This value for so long, in promtool's notation: the value, and how often it repeats."""
    return f"{value}x{round(hours * SAMPLES_AN_HOUR) - 1}"


def daily() -> str:
    """A timestamp that a run renews each day."""
    return " ".join(steady(day * DAY * 3600 + 1, DAY) for day in range(HOURS // DAY))


def outcome(*in_turn: str) -> dict[str, str]:
    """The family as daily runs push it that ended so, one after the other; the last one lasts."""
    *earlier, last = in_turn
    return {
        f'etl_sales_target_last_run_outcome{{outcome="{each}"}}': " ".join(
            [
                *(steady(int(each == ended), DAY) for ended in earlier),
                steady(int(each == last)),
            ]
        )
        for each in outcomes()
    }


def until(day: int) -> str:
    """A timestamp that a run renewed each day, up to this one."""
    renewed = [steady(each * DAY * 3600 + 1, DAY) for each in range(day)]
    return " ".join([*renewed, steady(day * DAY * 3600 + 1, HOURS)])


# A daily run that ends well, quickly, and is pushed.
HEALTHY = {
    SUCCEEDED: daily(),
    STARTED: daily(),
    COMPLETED: daily(),
    PUSHED: daily(),
    REFUSED: steady(0),
    DURATION: steady(300),
    INFO: steady(1),
    WARNINGS: steady(0),
    DRIFTED: steady(0),
    PEAK: steady(80),
    LIMIT: steady(256),
    **outcome("succeeded"),
}

# The last success before the series begin.
YESTERDAY = {SUCCEEDED: steady(-3600)}

TABLES = [{"source": "a.b", "target": table} for table in (TABLE, OTHER_TABLE)]


def rules_of(*tables: dict[str, str], **values: Any) -> dict[str, Any]:
    """The rules of a release that loads these tables."""
    spec: dict[str, Any] = render(
        {"prometheusRule": {"enabled": True}, "tables": tables, **values}
    ).one("PrometheusRule")["spec"]
    return spec


def alerts_of(rules: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The alerts by name, without the recording rules."""
    return {rule["alert"]: rule for rule in rules["groups"][0]["rules"] if "alert" in rule}


def promtool(
    folder: Path, rules: dict[str, Any], test: dict[str, Any], every: str = "15m"
) -> subprocess.CompletedProcess[str]:
    """The verdict on one test of these rules, which are evaluated at this interval."""
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))
    document = {"rule_files": ["rules.yml"], "evaluation_interval": every, "tests": [test]}
    (folder / "test.yml").write_text(yaml.safe_dump(document))
    return subprocess.run(
        [PROMTOOL, "test", "rules", "test.yml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def series_of(
    values: Mapping[str, str | None], table: str = TABLE, namespace: str = "etl"
) -> list[dict[str, str]]:
    """A table's metrics for promtool."""
    return [
        {"series": of_table(name, table, namespace), "values": each}
        for name, each in values.items()
        if each
    ]


# Another table of the same release, and the same table of another.
OTHERS = [*series_of(HEALTHY, OTHER_TABLE), *series_of(HEALTHY, TABLE, "etl-test")]


def firing(
    folder: Path,
    rules: dict[str, Any],
    series: list[dict[str, str]],
    hour: float,
    expected: list[str],
) -> subprocess.CompletedProcess[str]:
    """The verdict on whether just these alerts fire at that hour; each is said with its labels.

    The rules are evaluated each quarter of an hour, over more than a week each hour, which takes a
    quarter of the time; what fires is then known for five minutes.
    """
    every = 0.25 if hour <= WEEK else 1
    assert hour % every == 0
    return promtool(
        folder,
        rules,
        {
            "interval": "5m",
            "input_series": series,
            "promql_expr_test": [
                {
                    "expr": "count by (alertname, namespace, target_table)"
                    ' (ALERTS{alertstate="firing"})',
                    "eval_time": f"{round(hour * 60)}m",
                    "exp_samples": [{"labels": labels, "value": 1} for labels in expected],
                }
            ],
        },
        every=f"{round(every * 60)}m",
    )
