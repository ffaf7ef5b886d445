"""What each alert says, and with which labels, by promtool."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.alerts import (
    DAY,
    DRIFTED,
    DURATION,
    HEALTHY,
    OTHERS,
    PEAK,
    PUSHED,
    STARTED,
    SUCCEEDED,
    TABLE,
    TABLES,
    WARNINGS,
    WEEK,
    YESTERDAY,
    alerts_of,
    outcome,
    promtool,
    rules_of,
    series_of,
    steady,
)
from support.chart import CHART, needs_helm
from support.monitoring import needs_promtool

pytestmark = needs_helm

RUNBOOK = yaml.safe_load((CHART / "values.yaml").read_text())["runbookUrl"]


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    return rules_of(*TABLES)


SLOW = f"{steady(300, 12 * DAY)} {steady(1000, 2 * DAY)}"
NOT_PUSHED = "Either no run has ended, or its push failed. The other alerts see old values or none."

# What differs from HEALTHY, at which hour, and what the alert then says.
SAID: dict[str, tuple[Mapping[str, str | None], float, str, str]] = {
    "EtlSalesTargetNoSuccess": (
        {SUCCEEDED: steady(0)},
        27,
        "mb.sales_target is out of date.",
        "Its last successful load ended 1d 3h 0m 0s ago.",
    ),
    "EtlSalesTargetNeverSucceeded": (
        {SUCCEEDED: None},
        27,
        "mb.sales_target has not been loaded.",
        "No successful load has been seen since this alert was set up, or for a week.",
    ),
    "EtlSalesTargetRunningTooLong": (
        {STARTED: steady(3600)},
        5,
        "A run that loads mb.sales_target does not end.",
        "It began 4h 0m 0s ago. It hangs, or was killed.",
    ),
    "EtlSalesTargetMemoryNearLimit": (
        {PEAK: steady(241)},
        1,
        "The run that loaded mb.sales_target almost ran out of memory.",
        "It used 94 percent of its limit.",
    ),
    "EtlSalesTargetPeriodsDrifted": (
        {DRIFTED: steady(2)},
        1,
        "Somebody else changed rows of mb.sales_target.",
        (
            "In 2 periods, the target no longer had the rows that the last load left there. "
            "The last run repaired them."
        ),
    ),
    "EtlSalesTargetSourceWarnings": (
        {WARNINGS: steady(3)},
        1,
        "The source of mb.sales_target holds questionable rows.",
        "The last run loaded them as they are, and logged 3 warnings.",
    ),
    "EtlSalesTargetLastRunFailed": (
        outcome("temporary"),
        1,
        "mb.sales_target was not loaded: the last run failed.",
        "The reason: temporary. The target still holds what the last successful run left.",
    ),
    "EtlSalesTargetReconciliationFailed": (
        {**outcome("reconciliation_failed"), **YESTERDAY},
        1,
        "mb.sales_target and its source would not have been equal.",
        (
            "The reconciliation found a difference before the commit, so nothing was loaded, and "
            "no run has succeeded since. A retry will not help."
        ),
    ),
    "EtlSalesTargetGuardRefused": (
        {**outcome("guard_refused"), **YESTERDAY},
        1,
        "The source of mb.sales_target is empty, or lost most of its rows.",
        "The guard refused to load it, and no run has succeeded since. A retry will not help.",
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
    rule = alerts_of(rules)[alert]
    reason = {"outcome": "temporary"} if alert == "EtlSalesTargetLastRunFailed" else {}
    done = promtool(
        tmp_path,
        rules,
        {
            "interval": "5m",
            "input_series": [*series_of({**HEALTHY, **differs}), *OTHERS],
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
                                "runbook_url": f"{RUNBOOK}#{alert.lower()}",
                            },
                        }
                    ],
                }
            ],
        },
        every="1h" if hour > WEEK else "15m",
    )
    assert done.returncode == 0, done.stdout + done.stderr
