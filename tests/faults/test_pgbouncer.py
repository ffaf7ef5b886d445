"""The target behind a real PgBouncer, in each of its modes."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from demo.embedded_postgres import unused_port
from support.command import Job
from support.faults.harness import comes_true
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

PGBOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"

pytestmark = pytest.mark.skipif(
    not Path(PGBOUNCER).exists(), reason="needs Debian's package pgbouncer"
)


@pytest.fixture(params=["session", "transaction"])
def behind_pgbouncer(
    request: pytest.FixtureRequest, job: Job, target: TargetDatabase, tmp_path: Path
) -> Iterator[Job]:
    """The job reaches its target through a pool of two connections."""
    place, port = urlsplit(target.url), unused_port()
    password = unquote(place.password or "")
    tmp_path.chmod(0o755)
    (tmp_path / "users.txt").write_text(f'"{place.username}" "{password}"\n')
    (tmp_path / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={place.hostname} port={place.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = plain\nauth_file = {tmp_path}/users.txt\n"
        f"pool_mode = {request.param}\ndefault_pool_size = 2\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    user = ["-u", "nobody"] if os.geteuid() == 0 else []  # It refuses root.
    with subprocess.Popen(
        [PGBOUNCER, *user, str(tmp_path / "pgbouncer.ini")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        url = place._replace(netloc=f"{place.username}:{place.password}@127.0.0.1:{port}").geturl()
        assert comes_true(lambda: _answers(url))
        job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"] = url
        yield job
        process.terminate()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_every_command_works(
    behind_pgbouncer: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    for arguments in (
        ["check"], ["run"], ["run"], ["run", "--full"], ["run", "--full"], ["verify", "--rows"],
    ):  # fmt: skip
        result = behind_pgbouncer(*arguments)
        assert result.exit_code == 0, (arguments, result.stdout, result.stderr)
    assert target.rows() == small_source.rows()
