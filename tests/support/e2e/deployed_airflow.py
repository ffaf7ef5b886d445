"""Airflow as it is deployed: scheduler, local executor, triggerer, and what Airflow 3 adds."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from demo.embedded_postgres import unused_port
from support.e2e.airflow_records import AirflowRecords
from support.project import PROJECT

_LOCAL_SETTINGS = Path(__file__).with_name("airflow_local_settings.py")
_COMMAND_SECONDS = 120
_EVENT_SECONDS = 90
_STOP_SECONDS = 20
# A task whose worker has been silent for so long is tried again.
_LOST_AFTER_SECONDS = 12

_SERVICES: dict[str, tuple[str, ...]] = {
    # Their log servers would all want the same port.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_SERVICES_OF_AIRFLOW_3: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "dag-processor": ("dag-processor",),
}


class DeployedAirflow:
    """One Airflow, with a home, and a metadata database in PostgreSQL. A context manager.

    `environment` is the folder of its virtual environment, `environ` what its processes find in
    their environment beside what they need, `dags` further DAGs: file names to their text.
    """

    def __init__(
        self,
        environment: str,
        home: Path,
        database_url: str,
        *,
        environ: Mapping[str, str],
        dags: Mapping[str, str],
    ) -> None:
        self.records = AirflowRecords(database_url)
        self._bin = PROJECT / environment / "bin"
        self._home = home
        self._dags = dags
        self._port = unused_port()
        self._environ = {**_settings(home, database_url, self._port), **environ}
        self._commands = dict(_SERVICES)
        if environment == ".venv-airflow":
            self._commands |= _SERVICES_OF_AIRFLOW_3
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        shutil.copytree(PROJECT / "dag", self._home / "dags" / "etl")
        for name, text in self._dags.items():
            (self._home / "dags" / name).write_text(text)
        (self._home / "config").mkdir()
        shutil.copy(_LOCAL_SETTINGS, self._home / "config")
        try:
            self._run("db", "migrate")
            for name in self._commands:
                self._start(name)
            self.wait_until(lambda: self.records.number_of_dags() == 1 + len(self._dags))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes at once."""
        for process in self._processes.values():
            _kill_group(process)

    def restart(self, name: str, **environ: str) -> None:
        """Stop this service and start it with this added to its environment."""
        process = self._processes[name]
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        _kill_group(process)
        self._start(name, **environ)

    def trigger(self, run_id: str) -> None:
        """Begin a run of the DAG; returns once Airflow has it on record."""
        self._run("dags", "trigger", "etl_sales_target", "--run-id", run_id)

    def wait_until(self, happened: Callable[[], object]) -> None:
        """Raises AssertionError with what the services said if it takes too long."""
        deadline = time.monotonic() + _EVENT_SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"it did not happen in time\n{self._last_words()}"
            time.sleep(0.3)

    def has_worker(self, run_id: str) -> bool:
        """Whether a process runs the run's first load."""
        return Path(f"/proc/{self.records.load(run_id).pid}").exists()

    def end_worker(self, run_id: str, *, grace_seconds: float) -> None:
        """End the worker of the run's first load as Kubernetes ends a pod.

        Its main process gets SIGTERM, and SIGKILL ends all that is left after `grace_seconds`;
        with none, it is as if its node were lost.
        """
        task = self.records.load(run_id).pid
        assert task
        worker = _parent(task)
        if grace_seconds:
            os.kill(worker, signal.SIGTERM)
            time.sleep(grace_seconds)
        for pid in (worker, task):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def log(self, dag_id: str, run_id: str) -> str:
        """What the tasks of this run have logged."""
        files = (self._home / "logs").glob(f"dag_id={dag_id}/run_id={run_id}/**/*.log")
        return "\n".join(file.read_text(errors="replace") for file in sorted(files))

    def _start(self, name: str, **environ: str) -> None:
        with self._log_of(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [self._bin / "airflow", *self._commands[name]],
                env={**self._environ, **environ},
                stdout=log,
                stderr=log,
                # Its workers end with it.
                start_new_session=True,
            )

    def _run(self, *arguments: str) -> None:
        with self._log_of("command").open("ab") as log:
            subprocess.run(
                [self._bin / "airflow", *arguments],
                env=self._environ,
                stdout=log,
                stderr=log,
                check=True,
                timeout=_COMMAND_SECONDS,
            )

    def _log_of(self, name: str) -> Path:
        return self._home / f"{name}.out"

    def _last_words(self) -> str:
        files = [*self._home.glob("*.out"), *(self._home / "logs").glob("dag_id=*/**/*.log")]
        return "\n".join(f"{file}:\n{file.read_text(errors='replace')[-3000:]}" for file in files)


def _settings(home: Path, database_url: str, port: int) -> dict[str, str]:
    address = f"http://127.0.0.1:{port}"
    lost_after = str(_LOST_AFTER_SECONDS)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url.replace("://", "+psycopg2://", 1),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        # When Airflow takes a worker for lost: Airflow 3's settings, and Airflow 2's.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": lost_after,
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": lost_after,
        "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "2",
    }


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _parent(pid: int) -> int:
    """The process that started this one; /proc has it after the name in parentheses and a state."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
