"""The alerts, by promtool's unit tests: each fires when it should, and is silent when it should."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl_sales_target.reporting.metrics import outcomes
from support.chart import needs_helm, render
from support.monitoring import PROMTOOL, needs_promtool
from support.project import PROJECT

pytestmark = needs_helm

DAY = 24
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
FULL_INFO = 'etl_sales_target_last_run_info{mode="full", version="1.0.0"}'
PUSHED = "push_time_seconds"
REFUSED = "push_failure_time_seconds"


# Prometheus takes a sample for gone after five minutes.
SAMPLES_AN_HOUR = 12


def steady(value: float, hours: float = HOURS) -> str:
    """This value for so long, in promtool's notation: the value, and how often it repeats."""
    return f"{value}x{round(hours * SAMPLES_AN_HOUR) - 1}"


def daily() -> str:
    """A timestamp that a run renews each day."""
    return " ".join(steady(day * DAY * 3600, DAY) for day in range(HOURS // DAY))


def outcome(is_it: str) -> dict[str, str]:
    """The family as a run that ended so pushes it."""
    return {
        f'etl_sales_target_last_run_outcome{{outcome="{each}"}}': steady(int(each == is_it))
        for each in outcomes()
    }


# A daily run that ends well, quickly, and is pushed.
HEALTHY = {
    SUCCEEDED: daily(),
    COMPLETED: daily(),
    PUSHED: daily(),
    REFUSED: steady(0),
    DURATION: steady(300),
    INFO: steady(1),
    **outcome("succeeded"),
}

# What differs from HEALTHY (None: the series is not there) for one of the tables, at which hour,
# and what then fires for that table. The other tables are healthy.
CASES = {
    "all is well": ({}, 14 * DAY, []),
    "well, just before the next run": ({}, 14 * DAY - 0.1, []),
    "no success for 25 hours": ({SUCCEEDED: steady(0)}, 25, []),
    "no success for 27 hours": ({SUCCEEDED: steady(0)}, 27, ["EtlSalesTargetNoSuccess"]),
    "failed ten minutes ago": (outcome("temporary"), 1 / 6, []),
    "failed an hour ago": (outcome("temporary"), 1, ["EtlSalesTargetLastRunFailed"]),
    "not allowed": (outcome("not_allowed"), 1, ["EtlSalesTargetLastRunFailed"]),
    "reconciliation failed": (
        outcome("reconciliation_failed"),
        0,
        ["EtlSalesTargetReconciliationFailed"],
    ),
    "guard refused": (outcome("guard_refused"), 0, ["EtlSalesTargetGuardRefused"]),
    "slow": (
        {DURATION: f"{steady(300, 12 * DAY)} {steady(1000, 2 * DAY)}"},
        13 * DAY,
        ["EtlSalesTargetSlow"],
    ),
    "twice the usual": (
        {DURATION: f"{steady(500, 12 * DAY)} {steady(1000, 2 * DAY)}"},
        13 * DAY,
        [],
    ),
    "three times next to nothing": (
        {DURATION: f"{steady(5, 12 * DAY)} {steady(100, 2 * DAY)}"},
        13 * DAY,
        [],
    ),
    "slow, as a full load may be": (
        {
            DURATION: f"{steady(300, 12 * DAY)} {steady(1000, 2 * DAY)}",
            INFO: None,
            FULL_INFO: steady(1),
        },
        13 * DAY,
        [],
    ),
    "slow again, after one slow day": (
        {DURATION: f"{steady(300, 11 * DAY)} {steady(1000, DAY)} {steady(1000, DAY)}"},
        13 * DAY,
        ["EtlSalesTargetSlow"],
    ),
    "nothing pushed for 27 hours": ({PUSHED: steady(0)}, 27, ["EtlSalesTargetPushFailing"]),
    "a push refused": (
        {REFUSED: f"{steady(0, 2 * DAY)} {steady(50 * 3600, DAY)}"},
        60,
        ["EtlSalesTargetPushFailing"],
    ),
    "a push refused, a later one not": ({REFUSED: f"{steady(0, 1)} {steady(3600)}"}, 2 * DAY, []),
    "gone from the gateway since yesterday": (
        dict.fromkeys(HEALTHY, steady(0, 1)),
        28,
        ["EtlSalesTargetNoSuccess"],
    ),
    "gone from the gateway for an hour": (dict.fromkeys(HEALTHY, steady(0, 1)), 2, []),
    "gone from the gateway for more than a week": (
        dict.fromkeys(HEALTHY, steady(0, 1)),
        8 * DAY,
        [],
    ),
}


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    spec: dict[str, Any] = render({"prometheusRule": {"enabled": True}}).one("PrometheusRule")[
        "spec"
    ]
    return spec


def promtool(
    folder: Path, rules: dict[str, Any], test: dict[str, Any]
) -> subprocess.CompletedProcess[str]:
    """The verdict on one test of these rules."""
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "15m", "tests": [test]}
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
    """The verdict on whether just these alerts fire at that hour; each is said with its labels."""
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
    )


@needs_promtool
@pytest.mark.parametrize(("differs", "hour", "alerts"), CASES.values(), ids=CASES)
def test_alerts_of_one_table_among_others(
    tmp_path: Path, rules: dict[str, Any], differs: dict[str, Any], hour: float, alerts: list[str]
) -> None:
    group = f'namespace="etl", target_table="{TABLE}"'
    done = firing(
        tmp_path,
        rules,
        [*series_of(HEALTHY | differs), *OTHERS],
        hour,
        [f'{{alertname="{alert}", {group}}}' for alert in alerts],
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize(("hour", "alerts"), [(2, []), (28, ["EtlSalesTargetPushFailing"])])
def test_a_gateway_that_is_gone_after_an_hour(
    tmp_path: Path, rules: dict[str, Any], hour: int, alerts: list[str]
) -> None:
    gone = dict.fromkeys(HEALTHY, steady(0, 1))
    done = firing(
        tmp_path,
        rules,
        [*series_of(gone), *series_of(gone, OTHER_TABLE)],
        hour,
        [f'{{alertname="{alert}"}}' for alert in alerts],
    )
    assert done.returncode == 0, done.stdout + done.stderr


SLOW = f"{steady(300, 12 * DAY)} {steady(1000, 2 * DAY)}"
NOT_PUSHED = "Either no run has ended, or its push failed. The other alerts see old values or none."

# What differs from HEALTHY, at which hour, and what the alert then says.
SAID = {
    "EtlSalesTargetNoSuccess": (
        {SUCCEEDED: steady(0)},
        27,
        "mb.sales_target is out of date.",
        "Its last successful load ended 1d 3h 0m 0s ago.",
    ),
    "EtlSalesTargetLastRunFailed": (
        outcome("temporary"),
        1,
        "mb.sales_target was not loaded: the last run failed.",
        "The reason: temporary. The target still holds what the last successful run left.",
    ),
    "EtlSalesTargetReconciliationFailed": (
        outcome("reconciliation_failed"),
        1,
        "mb.sales_target and its source would not have been equal.",
        (
            "The reconciliation found a difference before the commit, so nothing was loaded. "
            "A retry will not help."
        ),
    ),
    "EtlSalesTargetGuardRefused": (
        outcome("guard_refused"),
        1,
        "The source of mb.sales_target is empty, or lost most of its rows.",
        "The guard refused to load it. A retry will not help.",
    ),
    "EtlSalesTargetSlow": (
        {DURATION: SLOW},
        13 * DAY,
        "The last run took far longer than usual to load mb.sales_target.",
        "It took 16m 40s, more than 3 times the usual duration.",
    ),
    "EtlSalesTargetPushFailing": (
        {PUSHED: steady(0)},
        27,
        "The metrics of the last run of mb.sales_target are not on the Pushgateway.",
        NOT_PUSHED,
    ),
}


@needs_promtool
@pytest.mark.parametrize("alert", SAID)
def test_what_an_alert_says(tmp_path: Path, rules: dict[str, Any], alert: str) -> None:
    differs, hour, summary, description = SAID[alert]
    [rule] = [each for each in rules["groups"][0]["rules"] if each["alert"] == alert]
    reason = {"outcome": "temporary"} if alert == "EtlSalesTargetLastRunFailed" else {}
    done = promtool(
        tmp_path,
        rules,
        {
            "interval": "5m",
            "input_series": series_of(HEALTHY | differs),
            "alert_rule_test": [
                {
                    "eval_time": f"{hour}h",
                    "alertname": alert,
                    "exp_alerts": [
                        {
                            "exp_labels": {
                                **rule["labels"],
                                "namespace": "etl",
                                "target_table": TABLE,
                                **reason,
                            },
                            "exp_annotations": {
                                "summary": summary,
                                "description": description,
                                "runbook_url": f"docs/runbook.md#{alert.lower()}",
                            },
                        }
                    ],
                }
            ],
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_rules_are_as_prometheus_wants_them(tmp_path: Path, rules: dict[str, Any]) -> None:
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    done = subprocess.run(
        [PROMTOOL, "check", "rules", "--lint-fatal", str(tmp_path / "rules.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_section_in_the_runbook(rules: dict[str, Any]) -> None:
    runbook = (PROJECT / "docs" / "runbook.md").read_text()
    alerts = {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}
    for name, rule in alerts.items():
        section = re.search(rf"^### {name}\n(.*?)(?=^##)", runbook, re.MULTILINE | re.DOTALL)
        assert section, name
        headings = re.findall(r"^\*\*(\w+)\.\*\*", section[1], re.MULTILINE)
        assert headings == ["Meaning", "Impact", "Diagnosis", "Mitigation"], name
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    assert set(re.findall(r"^### (EtlSalesTarget\w+)", runbook, re.MULTILINE)) == alerts.keys()


def test_off_unless_asked_for() -> None:
    manifests = render()
    assert manifests.all("PrometheusRule") == []
    assert [each["metadata"]["name"] for each in manifests.all("ConfigMap")] == ["etl-sales-target"]


def test_labels_and_thresholds_are_values() -> None:
    rule = render(
        {
            "prometheusRule": {
                "enabled": True,
                "labels": {"release": "kube-prometheus-stack"},
                "runbookUrl": "https://git.example/runbook.md",
                "noSuccessHours": 50,
                "slowFactor": 5,
                "slowMinimumSeconds": 60,
            }
        }
    ).one("PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    text = yaml.safe_dump(rule, width=1000)
    for said in ("> 50 * 3600", "[180000s]", "> 5 * quantile", "duration_seconds > 60"):
        assert said in text
    assert "https://git.example/runbook.md#etlsalestargetslow" in text
