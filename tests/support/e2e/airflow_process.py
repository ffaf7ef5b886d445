"""Airflow in its own environment, running the DAG when a test asks for it."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.project import PROJECT

_DRIVER = Path(__file__).with_name("airflow_driver.py")
_MIGRATION_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class DagRun:
    """How a run of the DAG ended: the state, tries and report in XCom of its first table; its log.

    `tables` has the state of each table, by the name that Airflow's pages show. A run that failed
    before any table has the state and tries of the task that reads them.
    """

    state: str
    tries: int
    log: str = field(repr=False)
    run_id: str = ""
    report: Any = None
    tables: dict[str, str] = field(default_factory=dict)
    error: str = ""


# Runs the DAG to its end; its arguments are the run's params.
Trigger = Callable[..., DagRun]


class AirflowProcess:
    """One Airflow, with a home and an empty metadata database of its own. A context manager.

    `environment` is the folder of its virtual environment, `variables` what it finds in its
    process environment beside that of the tests.
    """

    def __init__(self, environment: str, home: Path) -> None:
        self.bin = PROJECT / environment / "bin"
        self.home = home
        self._log = home / "log"
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dag"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        self._threads = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            subprocess.run(
                [self.bin / "airflow", "db", "migrate"],
                env=self._environ,
                stdout=log,
                stderr=log,
                check=True,
                timeout=_MIGRATION_TIMEOUT_SECONDS,
            )
            self._process = subprocess.Popen(
                [self.bin / "python", _DRIVER],
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._threads.shutdown()
        with self._process:
            pass

    def start(
        self,
        environ: Mapping[str, str],
        conf: Mapping[str, Any] | None = None,
        *,
        retry_delay: float = 1,
        execution_timeout: float | None = None,
    ) -> "Future[DagRun]":
        """Trigger the DAG; returns at once."""
        request = {
            "environ": dict(environ),
            "conf": dict(conf or {}),
            "retry_delay": retry_delay,
            "execution_timeout": execution_timeout,
        }
        return self._threads.submit(self._run, request)

    def _run(self, request: dict[str, Any]) -> DagRun:
        before = self._log.stat().st_size
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        log = self._log.read_bytes()[before:].decode(errors="replace")
        assert answer, log
        return DagRun(log=log, **json.loads(answer))

    def add_connection(self, conn_id: str, uri: str) -> None:
        """Puts a connection into Airflow's metadata database, in place of one of that id.

        Airflow encrypts it there with its Fernet key.
        """
        for arguments in (["delete", conn_id], ["add", conn_id, "--conn-uri", uri]):
            subprocess.run(
                [self.bin / "airflow", "connections", *arguments],
                env=self._environ,
                capture_output=True,
                check=arguments[0] == "add",
                timeout=_MIGRATION_TIMEOUT_SECONDS,
            )

    def everything_written(self) -> bytes:
        """All that Airflow left in its home: logs, rendered fields, its database."""
        return b"".join(found.read_bytes() for found in self.home.rglob("*") if found.is_file())
