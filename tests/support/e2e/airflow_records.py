"""What Airflow's metadata database says of runs, tasks and assets."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg


class TaskInstance(NamedTuple):
    """A task of a run: `state` is None before it is scheduled, `pid` that of its last process."""

    state: str | None = None
    tries: int = 0
    pid: int | None = None


@dataclass(frozen=True)
class AirflowRecords:
    """The database of an Airflow 2 or 3. The two have the same tables but for those of assets."""

    url: str

    def number_of_dags(self) -> int:
        """Those that the scheduler can run; none before the database has its tables."""
        [(found,)] = self._query("SELECT count(DISTINCT dag_id) FROM serialized_dag")
        return int(found)

    def runs(self, dag_id: str) -> dict[str, str]:
        """The state of each run of a DAG, by its id."""
        return dict(self._query("SELECT run_id, state FROM dag_run WHERE dag_id = %s", dag_id))

    def load(self, run_id: str) -> TaskInstance:
        """The load of the run's first table."""
        found = self._query(
            "SELECT state, try_number, pid FROM task_instance"
            " WHERE run_id = %s AND task_id = 'load' AND map_index = 0",
            run_id,
        )
        return TaskInstance(*found[0]) if found else TaskInstance()

    def is_followed(self, run_id: str) -> bool:
        """Whether a triggerer has taken the deferred load of the run's first table over."""
        return bool(
            self._query(
                "SELECT 1 FROM trigger JOIN task_instance ON trigger.id = trigger_id"
                " WHERE run_id = %s AND task_id = 'load' AND triggerer_id IS NOT NULL",
                run_id,
            )
        )

    def events(self) -> list[Any]:
        """The extra of each event of an asset, in order."""
        table = f"{self._asset}_event"
        return [extra for (extra,) in self._query(f"SELECT extra FROM {table} ORDER BY id")]

    def is_idle(self) -> bool:
        """Whether no run is unfinished, and none is about to begin because of an event."""
        unfinished = "SELECT 1 FROM dag_run WHERE state IN ('queued', 'running')"
        about_to_begin = f"SELECT 1 FROM {self._asset}_dag_run_queue"
        return not self._query(f"{unfinished} UNION ALL {about_to_begin}")

    def abandon_runs(self) -> None:
        """Takes every run for failed that has not ended: it would hold up the next one."""
        for table in ("task_instance", "dag_run"):
            self._query(
                f"UPDATE {table} SET state = 'failed'"
                " WHERE run_id IN (SELECT run_id FROM dag_run WHERE state IN ('queued', 'running'))"
                " RETURNING 1"
            )

    @property
    def _asset(self) -> str:
        """Airflow 2 calls it a dataset."""
        [(found,)] = self._query("SELECT to_regclass('asset_event')")
        return "asset" if found else "dataset"

    def _query(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()
