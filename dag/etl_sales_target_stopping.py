"""Whether Airflow stops a task because it wants it no more, or only because its worker ends.

Airflow calls an operator's `on_kill` for either. A load whose worker ends can go on: the next try
finds its pod, and the job's lock in PostgreSQL keeps a second one from loading beside it.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

try:
    from airflow.sdk.exceptions import AirflowTaskTerminated
except ImportError:  # Airflow 2
    from airflow.exceptions import AirflowTaskTerminated  # type: ignore[no-redef]

# Of a task that runs, or that a further try will run: Airflow may have given up on this worker.
_WANTED = {"running", "up_for_retry", "scheduled", "queued", "deferred"}
# Airflow 3 kills the task five seconds after its first signal.
_ANSWER_SECONDS = 3


def is_pod_wanted(ti: Any) -> bool:
    """Whether a later try will take the pod of this task instance over; false if in doubt."""
    if isinstance(sys.exc_info()[1], AirflowTaskTimeout) or ti.try_number > ti.max_tries:
        return False
    # This runs in a signal handler: what it asks may be what the signal interrupted.
    asking = ThreadPoolExecutor(max_workers=1)
    try:
        return asking.submit(_state, ti).result(_ANSWER_SECONDS) in _WANTED
    except Exception:  # noqa: BLE001 - whatever it is, the answer is unknown
        return False
    finally:
        asking.shutdown(wait=False)


def is_worker_ending() -> bool:
    """Whether a signal ends the task. Only Airflow 2 raises this error, after `on_kill`."""
    return isinstance(sys.exc_info()[1], AirflowTaskTerminated)


def _state(ti: Any) -> str | None:
    """The state that Airflow has on record."""
    if hasattr(ti, "current_state"):  # Airflow 2
        found = ti.current_state()
    else:
        states = ti.get_task_states(
            dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
        )
        # Its key is the task's id, with the map index if the task is mapped.
        [found] = states[ti.run_id].values()
    return None if found is None else str(getattr(found, "value", found))
