"""The alerts, by promtool's unit tests: each fires when it should, and is silent when it should."""

import re
import subprocess
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

COMPLETED = "etl_sales_target_last_completion_timestamp_seconds"
SUCCEEDED = "etl_sales_target_last_success_timestamp_seconds"
DURATION = "etl_sales_target_last_run_duration_seconds"
INFO = 'etl_sales_target_last_run_info{mode="run", version="1.0.0"}'
FULL_INFO = 'etl_sales_target_last_run_info{mode="full", version="1.0.0"}'
PUSHED = 'push_time_seconds{job="etl_sales_target"}'
REFUSED = 'push_failure_time_seconds{job="etl_sales_target"}'


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

# What differs from HEALTHY (None: the series is not there), at which hour, and what fires then.
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
    "the gateway is gone since yesterday": (
        {name: steady(0, 1) for name in HEALTHY},
        28,
        ["EtlSalesTargetPushFailing"],
    ),
    "the gateway is gone for an hour": (
        {name: steady(0, 1) for name in HEALTHY},
        2,
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


@needs_promtool
@pytest.mark.parametrize(("differs", "hour", "firing"), CASES.values(), ids=CASES)
def test_alerts(
    tmp_path: Path, rules: dict[str, Any], differs: dict[str, Any], hour: float, firing: list[str]
) -> None:
    series = {name: values for name, values in (HEALTHY | differs).items() if values}
    done = promtool(
        tmp_path,
        rules,
        {
            "interval": "5m",
            "input_series": [{"series": name, "values": each} for name, each in series.items()],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": f"{round(hour * 60)}m",
                    "exp_samples": [
                        {"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing
                    ],
                }
            ],
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_what_an_alert_says(tmp_path: Path, rules: dict[str, Any]) -> None:
    done = promtool(
        tmp_path,
        rules,
        {
            "interval": "5m",
            "input_series": [{"series": SUCCEEDED, "values": steady(0)}],
            "alert_rule_test": [
                {
                    "eval_time": "27h",
                    "alertname": "EtlSalesTargetNoSuccess",
                    "exp_alerts": [
                        {
                            "exp_labels": {"severity": "critical"},
                            "exp_annotations": {
                                "summary": "The sales target is out of date.",
                                "description": "The last successful run ended 1d 3h 0m 0s ago.",
                                "runbook_url": "docs/runbook.md#etlsalestargetnosuccess",
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
