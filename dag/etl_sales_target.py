"""Keeps `mb.sales_target` in PostgreSQL equal to `APPS.KHS_CUSTOMERS_TRX_TARGETS` in Oracle.

Once a day, one pod. It compares every month of the source with what the last run loaded, reloads
the months that differ, proves that both sides are equal, and only then commits.

**By hand.** Trigger it with nothing for an ordinary run, with `full` to reload everything, or with
`from` and `to` (months such as `2024-01`, both inclusive) to reload these. `allow_shrink` loads a
source that lost most of its rows, where a guard has refused it and you know why.

**When it failed.** The target still holds what the last good run left: readers see old rows, never
half of the new ones. The task's error says what failed and what to do. A run that may go better
next time is tried once more after five minutes; one that cannot (a wrong password, a missing
table, a failed proof) fails at once: repair the cause, then clear the task.

**Where the pod is.** The Airflow Variable `etl_sales_target`, JSON, every key optional:
`namespace` and `pod_template` of the Helm release, `kubernetes_conn_id`, and `xcom` (true: the
run's report goes to XCom).
"""

from datetime import UTC, datetime, timedelta

from etl_sales_target_operator import EtlSalesTargetOperator

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param

MONTH = {"type": ["null", "string"], "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"}


def installed(key: str, default: object) -> str:
    """A template for this key of the Variable: it is read when the task runs, not at parsing."""
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
            description="Load even if the source lost most of its rows.",
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
        # The pod is deleted with the task, so that a retry never runs beside it.
        execution_timeout=timedelta(hours=4),
    )
