"""Airflow's own hook for changing the tasks of every DAG: here, nothing waits for minutes."""

from datetime import timedelta
from typing import Any

_SHORTENED = {
    "retry_delay": timedelta(seconds=2),
    "startup_check_interval_seconds": 1,
}


def task_policy(task: Any) -> None:
    """Shortens the waits of this task, if it has them; Airflow calls this at parse time."""
    mapped = getattr(task, "partial_kwargs", None)
    for name, value in _SHORTENED.items():
        if mapped is not None:
            mapped[name] = value
        elif hasattr(task, name):
            setattr(task, name, value)
