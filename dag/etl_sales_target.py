"""Keeps tables in PostgreSQL equal to tables in Oracle, such as `mb.sales_target`.

The DAG runs one pod a day for each table of its Helm release. The pod compares every month of the
source with what the last run loaded, reads the months that differ, reconciles source and target,
and only then commits.

**By hand.** Trigger the DAG without parameters for an ordinary run, with `full` to read
everything, or with `from` and `to` (months such as `2024-01`, both inclusive) to backfill these
months; with `tables`, for these tables only. Set `check` to check everything that a run needs
without loading. Set `allow_shrink` to load a source that lost most of its rows, if a guard refused
it and you know why.

**When it failed.** Only the tables whose task failed are affected, and they still hold what their
last successful run left: readers see the old rows, never half of the new ones. The task's error
says what failed and what to do. Airflow retries a failure that might go away once, after five
minutes. A permanent one (a wrong password, a missing table, a failed reconciliation) fails at once:
fix the cause, then clear the task of that table.

**Where the pod is.** The Airflow Variable `etl_sales_target` is JSON, and every key is optional:
`namespace` and `pod_template` of the Helm release, `kubernetes_conn_id`, `xcom` (if true, the run's
report goes to XCom, and a changed table wakes DAGs that wait for its asset), `connections` (if
true, the connections are Airflow's), and `log_format` (`text` or `json`).

**What is fixed when the DAG is parsed.** The environment variable `ETL_SALES_TARGET_DAG` of
Airflow's components is JSON, and every key is optional; `docs/airflow.md` describes both.
"""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import DAG, AssetAlias, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.datasets import (  # type: ignore[import-not-found,no-redef]
        DatasetAlias as AssetAlias,
    )
    from airflow.models.param import Param  # type: ignore[import-not-found,no-redef]

# In a subfolder of the DAGs folder or bundle, Airflow would not find the operators beside it.
sys.path.append(str(Path(__file__).parent))
from etl_sales_target_operator import (
    EtlSalesTargetOperator,
    EtlTablesOperator,
)

MONTH: dict[str, Any] = {"type": ["null", "string"], "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"}

# The keys of ETL_SALES_TARGET_DAG, with their defaults.
SETTINGS: dict[str, Any] = {
    "schedule": "0 0 * * *",
    # Airflow never starts a task in a pool that does not exist.
    "pool": "default_pool",
    # null: as Airflow's setting [operators] default_deferrable says.
    "deferrable": None,
    "execution_timeout_hours": 4,
    # Two tries of the longest table, and the next day's run starts on time.
    "dagrun_timeout_hours": 23,
}


def settings() -> dict[str, Any]:
    """The settings of this installation. Raises ValueError for a key that is not known."""
    given: dict[str, Any] = json.loads(os.environ.get("ETL_SALES_TARGET_DAG") or "{}")
    unknown = sorted(given.keys() - SETTINGS.keys())
    if unknown:
        known = ", ".join(SETTINGS)
        raise ValueError(f"ETL_SALES_TARGET_DAG: unknown key {', '.join(unknown)}; it has {known}")
    return SETTINGS | given


def installed(key: str, default: object) -> str:
    """A template for this key of the Variable: it is read when the task runs, not at parse time."""
    return f"{{{{ var.json.get('etl_sales_target', {{}}).get({key!r}, {default!r}) }}}}"


chosen = settings()
where = {
    "kubernetes_conn_id": installed("kubernetes_conn_id", "kubernetes_default"),
    "namespace": installed("namespace", "etl"),
    "pod_template": installed("pod_template", "etl-sales-target"),
}

with DAG(
    dag_id="etl_sales_target",
    description="Keeps PostgreSQL tables equal to Oracle tables",
    doc_md=__doc__,
    schedule=chosen["schedule"],
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=chosen["dagrun_timeout_hours"]),
    default_args={
        "owner": "airflow",
        "depends_on_past": False,
        "retries": 1,
        "retry_delay": timedelta(minutes=5),
    },
    params={
        "tables": Param(
            default=None,
            type=["null", "array"],
            items={"type": "string"},
            title="Tables",
            description="The targets to load, such as mb.sales_target, one a line; if empty, all.",
        ),
        "full": Param(
            default=False,
            type="boolean",
            title="Full",
            description="Read every month, changed or not.",
        ),
        "from": Param(
            default=None,
            **MONTH,
            title="From",
            description="The first month to read again, such as 2024-01.",
        ),
        "to": Param(
            default=None,
            **MONTH,
            title="To",
            description="The last month to read again, inclusive.",
        ),
        "allow_shrink": Param(
            default=False,
            type="boolean",
            title="Allow shrink",
            description="Load the source even if it lost most of its rows.",
        ),
        "check": Param(
            default=False,
            type="boolean",
            title="Check",
            description="Check everything that a run needs, and load nothing.",
        ),
    },
    tags=["etl", "oracle", "postgres", "sales_target"],
):
    tables = EtlTablesOperator(
        task_id="tables",
        doc_md="Reads the tables of the release from its PodTemplate, and checks the parameters.",
        **where,
    )
    EtlSalesTargetOperator.partial(
        task_id="load",
        doc_md="Loads one table in a pod of its own. One that fails leaves the others alone.",
        **where,
        xcom=installed("xcom", default=False),
        connections=installed("connections", default=""),
        log_format=installed("log_format", default="text"),
        map_index_template="{{ task.table }}",
        pool=chosen["pool"],
        deferrable=chosen["deferrable"],
        # The pod is deleted with the task, so that a retry never runs next to it.
        execution_timeout=timedelta(hours=chosen["execution_timeout_hours"]),
        # One that lost its worker ends by itself.
        active_deadline_seconds=round(chosen["execution_timeout_hours"] * 3600),
        outlets=[AssetAlias("etl_sales_target")],
    ).expand(table=tables.output)
