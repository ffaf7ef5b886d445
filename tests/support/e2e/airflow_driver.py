"""Runs the DAG as Airflow does, as often as it is asked; for an environment with Airflow.

A line of JSON on stdin is a run: `environ`, `conf`, and what to shorten: `retry_delay` and
`execution_timeout` in seconds. A line of JSON on stdout is how it ended. Logs go to stderr.
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.utils.session import create_session

try:
    from airflow.dag_processing.dagbag import BundleDagBag
except ImportError:  # Airflow 2
    from airflow.models import DagBag
    from airflow.models.xcom import XCom
else:
    from airflow.models.xcom import XComModel

FOLDER = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
ON_AIRFLOW_2 = "DagBag" in globals()


def parse() -> Any:
    """The DAG as a scheduler finds it in its folder."""
    if ON_AIRFLOW_2:
        bag = DagBag(FOLDER)
        # The events of datasets are about what stands in the database.
        bag.sync_to_db()  # type: ignore[attr-defined]
    else:
        bag = BundleDagBag(FOLDER, bundle_path=FOLDER, bundle_name="dags-folder")
    assert not bag.import_errors, bag.import_errors
    return bag.dags["etl_sales_target"]


def run(request: dict[str, Any]) -> dict[str, Any]:
    """One run of the DAG, with its retries, to its end."""
    os.environ |= request["environ"]
    dag = parse()
    dag.get_task("tables").retry_delay = timedelta(seconds=1)
    load = dag.get_task("load").partial_kwargs
    load["startup_check_interval_seconds"] = 1
    for name in ("retry_delay", "execution_timeout"):
        if request[name]:
            load[name] = timedelta(seconds=request[name])
    try:
        done = dag.test(run_conf=request["conf"])
    except Exception as error:  # noqa: BLE001 - the caller judges it
        return {"state": "refused", "tries": 0, "error": f"{type(error).__name__}: {error}"}
    instances = {(found.task_id, found.map_index): found for found in done.get_task_instances()}
    loads = [found for (task, index), found in instances.items() if task == "load" and index >= 0]
    # Without tables, nothing was loaded.
    first = loads[0] if loads else instances["tables", -1]
    return {
        "state": str(first.state),
        "tries": first.try_number,
        "run_id": done.run_id,
        "report": _report(done.run_id),
        "tables": {found.rendered_map_index: str(found.state) for found in loads},
    }


def _report(run_id: str) -> Any:
    """That of the first table."""
    place: dict[str, Any] = {"key": "return_value", "run_id": run_id}
    if ON_AIRFLOW_2:
        return XCom.get_one(task_id="load", dag_id="etl_sales_target", map_index=0, **place)
    found = XComModel.get_many(task_ids="load", dag_ids="etl_sales_target", map_indexes=0, **place)
    with create_session() as session:
        value = session.execute(found.with_only_columns(XComModel.value)).scalar()
    return json.loads(value) if isinstance(value, str) else value


def main() -> None:
    """Answer requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
