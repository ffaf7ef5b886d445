"""Runs of the DAG that succeed, and params that are refused."""

import json
from typing import Any

import pytest

from support.e2e.airflow_process import Trigger
from support.e2e.cluster import Cluster
from support.e2e.release import Install, Values
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase


def test_a_run_loads_and_the_next_one_has_nothing_to_do(
    install: Install,
    trigger: Trigger,
    cluster: Cluster,
    small_source: SourceDatabase,
    target: TargetDatabase,
) -> None:
    install()
    first = trigger()
    assert (first.state, first.tries) == ("success", 1), first.log
    assert target.rows() == small_source.rows()
    triggered_by, copied = target.last_run("triggered_by", "rows_read")
    assert triggered_by == f"etl_sales_target {first.run_id} try 1"
    assert copied == 24

    second = trigger()
    assert second.state == "success", second.log
    assert target.last_run("mode", "rows_read", "rows_deleted") == ("run", 0, 0)
    assert cluster.pods() == []


@pytest.mark.parametrize(
    ("conf", "mode", "months"),
    [
        ({"full": True}, "full", list(range(1, 13))),
        ({"from": "2024-02", "to": "2024-04"}, "backfill", [2, 3, 4]),
    ],
)
def test_params_say_what_is_read(
    install: Install,
    trigger: Trigger,
    target: TargetDatabase,
    conf: dict[str, Any],
    mode: str,
    months: list[int],
) -> None:
    install()
    assert trigger().state == "success"
    target.execute("UPDATE mb.sales_target SET target_amount = -1")
    assert trigger(**conf).state == "success"
    assert target.last_run("mode") == (mode,)
    restored = target.query(
        "SELECT DISTINCT target_month::int FROM mb.sales_target"
        " WHERE target_amount IS DISTINCT FROM -1 ORDER BY 1"
    )
    assert restored == [(month,) for month in months]


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"from": "2024-02"}, "Set both params, from and to, or neither."),
        ({"from": "2024-02", "to": "2024-01"}, "is before from"),
        ({"form": "2024-02"}, "Unknown param form"),
    ],
)
def test_params_that_do_not_go_together_start_no_pod(
    install: Install, trigger: Trigger, cluster: Cluster, conf: dict[str, Any], said: str
) -> None:
    install()
    with cluster.watched_pods() as watched:
        done = trigger(**conf)
    assert (done.state, done.tries) == ("failed", 1)
    assert said in done.log
    assert watched.seen == {}


def test_a_param_that_is_no_month_is_refused_when_triggered(trigger: Trigger) -> None:
    done = trigger(**{"from": "2024-13", "to": "2024-14"})
    assert done.state == "refused"
    assert "ParamValidationError" in done.error


def test_report_in_xcom(
    install: Install, values: Values, trigger: Trigger, environ: dict[str, str]
) -> None:
    install(airflow={**values["airflow"], "xcom": True})
    where = json.loads(environ["AIRFLOW_VAR_ETL_SALES_TARGET"])
    environ["AIRFLOW_VAR_ETL_SALES_TARGET"] = json.dumps({**where, "xcom": True})
    done = trigger()
    assert done.state == "success", done.log
    assert done.report["rows_read"] == 24
