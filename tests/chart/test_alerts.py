"""The alerts, by promtool's unit tests: each fires when it should, and is silent when it should."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.alerts import (
    COMPLETED,
    DAY,
    DRIFTED,
    DURATION,
    FULL_INFO,
    HEALTHY,
    INFO,
    LIMIT,
    OTHER_TABLE,
    OTHERS,
    PEAK,
    PUSHED,
    REFUSED,
    SAMPLES_AN_HOUR,
    STARTED,
    SUCCEEDED,
    TABLE,
    TABLES,
    WARNINGS,
    YESTERDAY,
    alerts_of,
    firing,
    outcome,
    rules_of,
    series_of,
    steady,
    until,
)
from support.chart import CHART, needs_helm, render
from support.monitoring import PROMTOOL, needs_promtool
from support.project import PROJECT

pytestmark = needs_helm

RUNBOOK = yaml.safe_load((CHART / "values.yaml").read_text())["runbookUrl"]


# What differs from HEALTHY (None: the series is not there) for one of the tables, at which hour,
# and what then fires for that table. The other tables are healthy.
CASES = {
    "all is well": ({}, 14 * DAY, []),
    "well, just before the next run": ({}, 2 * DAY - 0.25, []),
    "no success for 25 hours": ({SUCCEEDED: steady(0)}, 25, []),
    "no success for 27 hours": ({SUCCEEDED: steady(0)}, 27, ["EtlSalesTargetNoSuccess"]),
    "failed just now": (outcome("temporary"), 0, []),
    "failed an hour ago": (outcome("temporary"), 1, ["EtlSalesTargetLastRunFailed"]),
    "not allowed": (outcome("not_allowed"), 1, ["EtlSalesTargetLastRunFailed"]),
    "reconciliation failed": (
        {**outcome("reconciliation_failed"), **YESTERDAY},
        0,
        ["EtlSalesTargetReconciliationFailed"],
    ),
    "reconciliation failed yesterday, today the network": (
        {**outcome("succeeded", "reconciliation_failed", "temporary"), SUCCEEDED: until(0)},
        2 * DAY,
        ["EtlSalesTargetNoSuccess", "EtlSalesTargetReconciliationFailed"],
    ),
    "reconciliation failed at the first run, then the network": (
        {**outcome("reconciliation_failed", "temporary"), SUCCEEDED: None},
        DAY,
        ["EtlSalesTargetReconciliationFailed"],
    ),
    "reconciliation failed yesterday, today all is well": (
        {**outcome("succeeded", "reconciliation_failed", "succeeded"), SUCCEEDED: until(2)},
        2 * DAY,
        [],
    ),
    "guard refused": (
        {**outcome("guard_refused"), **YESTERDAY},
        0,
        ["EtlSalesTargetGuardRefused"],
    ),
    "guard refused yesterday, today another run has the lock": (
        {**outcome("succeeded", "guard_refused", "locked"), SUCCEEDED: until(0)},
        2 * DAY,
        ["EtlSalesTargetGuardRefused", "EtlSalesTargetNoSuccess"],
    ),
    "never loaded, on its first day": (dict.fromkeys(HEALTHY), 20, []),
    "never loaded": (dict.fromkeys(HEALTHY), 27, ["EtlSalesTargetNeverSucceeded"]),
    "never loaded, but tried": ({SUCCEEDED: None}, 27, ["EtlSalesTargetNeverSucceeded"]),
    "never loaded, until today": (
        {SUCCEEDED: f"_x{27 * SAMPLES_AN_HOUR} {steady(27 * 3600)}"},
        28,
        [],
    ),
    "running for two hours": ({STARTED: steady(2), COMPLETED: steady(1)}, 2, []),
    "running for four hours": (
        {STARTED: steady(2), COMPLETED: steady(1)},
        4,
        ["EtlSalesTargetRunningTooLong"],
    ),
    "its first run is running for four hours": (
        {STARTED: steady(2), COMPLETED: None, SUCCEEDED: None},
        4,
        ["EtlSalesTargetRunningTooLong"],
    ),
    "ran for four hours and ended": (
        {STARTED: steady(2), COMPLETED: f"{steady(1, 4)} {steady(4 * 3600)}"},
        5,
        [],
    ),
    "memory at 94 percent": ({PEAK: steady(241)}, 1, ["EtlSalesTargetMemoryNearLimit"]),
    "memory at 89 percent": ({PEAK: steady(228)}, 1, []),
    "memory without a limit": ({PEAK: steady(10_000), LIMIT: None}, 1, []),
    "memory near its limit yesterday": ({PEAK: f"{steady(250, DAY)} {steady(80)}"}, 25, []),
    "drifted": ({DRIFTED: steady(2)}, 1, ["EtlSalesTargetPeriodsDrifted"]),
    "drifted yesterday": ({DRIFTED: f"{steady(2, DAY)} {steady(0)}"}, 25, []),
    "source warnings": ({WARNINGS: steady(1)}, 1, ["EtlSalesTargetSourceWarnings"]),
    "source warnings yesterday": ({WARNINGS: f"{steady(1, DAY)} {steady(0)}"}, 25, []),
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
    "gone from the gateway for a week and a day": (
        dict.fromkeys(HEALTHY, steady(0, 1)),
        8 * DAY,
        ["EtlSalesTargetNoSuccess"],
    ),
    "gone from the gateway for ten days": (
        dict.fromkeys(HEALTHY, steady(0, 1)),
        10 * DAY,
        ["EtlSalesTargetNeverSucceeded"],
    ),
}


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    return rules_of(*TABLES)


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
@pytest.mark.parametrize("hour", [2, 28])
def test_a_gateway_that_is_gone_after_an_hour(
    tmp_path: Path, rules: dict[str, Any], hour: int
) -> None:
    gone = dict.fromkeys(HEALTHY, steady(0, 1))
    done = firing(
        tmp_path,
        rules,
        [*series_of(gone), *series_of(gone, OTHER_TABLE)],
        hour,
        [
            '{alertname="EtlSalesTargetPushFailing", namespace="etl"}',
            *(
                f'{{alertname="EtlSalesTargetNoSuccess", namespace="etl", target_table="{table}"}}'
                for table in (TABLE, OTHER_TABLE)
            ),
        ]
        if hour > 26
        else [],
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize(
    ("table", "namespace"),
    [(OTHER_TABLE, "etl"), (TABLE, "etl-test")],
    ids=["in the same namespace", "in another namespace"],
)
def test_a_second_release_in_one_prometheus_does_not_double_them(
    tmp_path: Path, table: str, namespace: str
) -> None:
    second = rules_of(
        {"source": "a.b", "target": table}, settings={"ETL_KUBERNETES_NAMESPACE": namespace}
    )
    everything = {
        **outcome("reconciliation_failed"),
        **dict.fromkeys((SUCCEEDED, PUSHED), steady(0)),
        PEAK: steady(250),
        DRIFTED: steady(1),
        WARNINGS: steady(1),
    }
    done = firing(tmp_path, second, [*series_of(HEALTHY | everything), *OTHERS], 27, [])
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
    alerts = alerts_of(rules)
    for name, rule in alerts.items():
        section = re.search(rf"^### {name}\n(.*?)(?=^##)", runbook, re.MULTILINE | re.DOTALL)
        assert section, name
        headings = re.findall(r"^\*\*(\w+)\.\*\*", section[1], re.MULTILINE)
        assert headings == ["Meaning", "Impact", "Diagnosis", "Mitigation"], name
        assert rule["annotations"]["runbook_url"] == f"{RUNBOOK}#{name.lower()}"
    assert set(re.findall(r"^### (EtlSalesTarget\w+)", runbook, re.MULTILINE)) == alerts.keys()


def test_off_unless_asked_for() -> None:
    manifests = render()
    assert manifests.all("PrometheusRule") == []
    assert [each["metadata"]["name"] for each in manifests.all("ConfigMap")] == ["etl-sales-target"]


@pytest.mark.parametrize("tables", [[], [{"source": "a.b", "target": "MB.T$#"}]])
def test_the_tables_are_those_of_the_release(tables: list[dict[str, str]]) -> None:
    target = tables[0]["target"].lower() if tables else TABLE
    quoted = re.escape(target).replace("\\#", "#").replace("\\", "\\\\")
    for rule in rules_of(*tables)["groups"][0]["rules"]:
        matchers = re.findall(r"\w+\{([^}]*)\}", rule["expr"])
        assert matchers
        for each in matchers:
            assert 'namespace="etl"' in each
            assert f'target_table=~"{quoted}"' in each or f'target_table="{target}"' in each


def test_labels_and_thresholds_are_values() -> None:
    rule = render(
        {
            "prometheusRule": {
                "enabled": True,
                "labels": {"release": "kube-prometheus-stack"},
                "alertLabels": {"team": "sales"},
                "noSuccessHours": 50,
                "runningHours": 2,
                "slowFactor": 5,
                "slowMinimumSeconds": 60,
                "memoryPercent": 75,
            },
            "runbookUrl": "https://git.example/runbook.md",
        }
    ).one("PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    text = yaml.safe_dump(rule, width=1000)
    for said in ("> 180000", "[180000s]", "> 2 * 3600", "> 5 * quantile", "} > 60", ") > 75"):
        assert said in text
    assert all(each["labels"]["team"] == "sales" for each in alerts_of(rule["spec"]).values())
    assert "https://git.example/runbook.md#etlsalestargetslow" in text
