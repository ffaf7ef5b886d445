"""The process's surroundings: users, limits, locales and folders that some clusters have."""

import os
import shutil
import subprocess
import sys

import pytest

from support.command import Job
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

# A user that no file of the system knows, as OpenShift's are; where these tests may become one.
UNKNOWN_USER = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
MAY_BE_ANYONE = (
    os.geteuid() == 0
    and shutil.which("setpriv") is not None
    # The interpreter may lie in a folder that is root's alone.
    and subprocess.run([*UNKNOWN_USER, sys.executable, "-c", ""], check=False).returncode == 0
)
needs_root = pytest.mark.skipif(not MAY_BE_ANYONE, reason="needs root, setpriv and an open Python")

SURROUNDINGS = {
    "no home": ([], {}),
    "a home that is not there": ([], {"HOME": "/nowhere"}),
    "few files": (["sh", "-c", 'ulimit -n 32; exec "$0" "$@"'], {}),
    "few threads' stacks": (["sh", "-c", 'ulimit -s 512; exec "$0" "$@"'], {}),
    "Turkish": ([], {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}),
    "C": ([], {"LC_ALL": "C"}),
    "C without UTF-8": ([], {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "Latin": ([], {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}),
    "another time zone": ([], {"TZ": "Asia/Kathmandu", "PGTZ": "Asia/Kathmandu"}),
    "a folder that is gone": (
        ["sh", "-c", 'cd "$(mktemp -d)" && rmdir "$PWD" && exec "$0" "$@"'],
        {},
    ),
}


@pytest.mark.parametrize(("through", "environ"), SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_a_run_loads(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    through: list[str],
    environ: dict[str, str],
) -> None:
    named = {"ETL_TRIGGERED_BY": "Zoë \u0130stanbul"}

    result = job.through(*through)("run", "--report", "-", **named, **environ)

    assert result.exit_code == 0, result.stderr
    assert '"triggered_by": "Zoë \u0130stanbul"' in result.stdout
    assert target.rows() == small_source.rows()
    assert job.through(*through)("verify", "--rows", **environ).exit_code == 0
    assert "Zoë \u0130stanbul" in job.through(*through)("runs", **environ).stdout


@needs_root
def test_an_unknown_user_in_a_folder_that_is_not_his(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    through = ["sh", "-c", 'cd / && exec "$0" "$@"', *UNKNOWN_USER]

    result = job.through(*through)("run", "--report", "-")

    assert result.exit_code == 0, result.stderr
    assert '"succeeded"' in result.stdout
    assert target.rows() == small_source.rows()


@needs_root
def test_an_unknown_user_of_every_service(job: Job, small_source: SourceDatabase) -> None:
    through = ["sh", "-c", 'cd / && exec "$0" "$@"', *UNKNOWN_USER]
    nobody = {"OPENLINEAGE_URL": "http://127.0.0.1:1", "ETL_PUSHGATEWAY_URL": "http://127.0.0.1:1"}

    result = job.through(*through)("run", ETL_PUSHGATEWAY_TIMEOUT_SECONDS="1", **nobody)

    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    "name", ["ETL_TRIGGERED_BY", "AIRFLOW_CONN_POSTGRES_CONN_ID", "OPENLINEAGE_NAMESPACE"]
)
def test_a_variable_that_is_no_text_is_refused(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, name: str
) -> None:
    result = job("run", **{name: "\udcff"})

    assert result.exit_code == 78, result.stderr
    assert name in result.failure["error"]
    assert not target.exists()
