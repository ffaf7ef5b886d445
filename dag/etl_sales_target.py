"""Keeps `mb.sales_target` in PostgreSQL equal to `APPS.KHS_CUSTOMERS_TRX_TARGETS` in Oracle.

The DAG runs one pod a day. It compares every month of the source with what the last run loaded,
reloads the months that differ, reconciles source and target, and only then commits.

**By hand.** Trigger the DAG without parameters for an ordinary run, with `full` to reload
everything, or with `from` and `to` (months such as `2024-01`, both inclusive) to backfill these
months. Set `allow_shrink` to load a source that lost most of its rows, if a guard refused it and
you know why.

**When it failed.** The target still holds what the last successful run left: readers see the old
rows, never half of the new ones. The task's error says what failed and what to do. Airflow retries
a failure that might go away once, after five minutes. A permanent one (a wrong password, a missing
table, a failed reconciliation) fails at once: fix the cause, then clear the task.

**Where the pod is.** The Airflow Variable `etl_sales_target` is JSON, and every key is optional:
`namespace` and `pod_template` of the Helm release, `kubernetes_conn_id`, and `xcom` (if true, the
run's report goes to XCom).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from etl_sales_target_operator import EtlSalesTargetOperator

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param  # type: ignore[import-not-found,no-redef]

MONTH: dict[str, Any] = {"type": ["null", "string"], "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"}


def installed(key: str, default: object) -> str:
    """A template for this key of the Variable: it is read when the task runs, not at parse time."""
    return f"{{{{ var.json.get('etl_sales_target', {{}}).get({key!r}, {default!r}) }}}}"


with DAG(
    dag_id="etl_sales_target",
    description="Oracle APPS.KHS_CUSTOMERS_TRX_TARGETS to PostgreSQL mb.sales_target",
    doc_md=__doc__,
    schedule="0 0 * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "airflow",
        "depends_on_past": False,
        "retries": 1,
        "retry_delay": timedelta(minutes=5),
    },
    params={
        "full": Param(
            default=False,
            type="boolean",
            title="Full",
            description="Reload every month, changed or not.",
        ),
        "from": Param(
            default=None,
            **MONTH,
            title="From",
            description="The first month to reload, such as 2024-01.",
        ),
        "to": Param(
            default=None, **MONTH, title="To", description="The last month to reload, inclusive."
        ),
        "allow_shrink": Param(
            default=False,
            type="boolean",
            title="Allow shrink",
            description="Load the source even if it lost most of its rows.",
        ),
    },
    tags=["etl", "oracle", "postgres", "sales_target"],
):
    EtlSalesTargetOperator(
        task_id="load",
        kubernetes_conn_id=installed("kubernetes_conn_id", "kubernetes_default"),
        namespace=installed("namespace", "etl"),
        pod_template=installed("pod_template", "etl-sales-target"),
        xcom=installed("xcom", default=False),
        # The pod is deleted with the task, so that a retry never runs next to it.
        execution_timeout=timedelta(hours=4),
    )
