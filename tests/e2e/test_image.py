"""What is in the image, and what it can do without."""

import re
from datetime import UTC, datetime

import pytest

from support.e2e.containers import HARDENED, UID, VERSION, ContainerJob, docker, inspect
from support.source_database import SourceDatabase

_SIZE_LIMIT_BYTES = 150_000_000


def run(image: str, *command: str, options: tuple[str, ...] = HARDENED) -> str:
    """What a command other than the job prints in the image."""
    program, *arguments = command
    return docker("run", "--rm", *options, f"--entrypoint={program}", image, *arguments)


def test_help_and_versions_need_nothing(image: str) -> None:
    assert "backfill" in docker("run", "--rm", *HARDENED, image)
    versions = docker("run", "--rm", *HARDENED, image, "--version").splitlines()
    assert versions[0] == f"etl-sales-target {VERSION}"
    assert re.fullmatch(r"python-oracledb \d+\.\d+\.\d+", versions[1])
    assert versions[2] == ("Oracle client library: none in /opt/oracle/instantclient, thin mode")


def test_it_says_what_it_is(image: str) -> None:
    labels = inspect(image)["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["org.opencontainers.image.revision"])
    assert datetime.fromisoformat(labels["org.opencontainers.image.created"]).tzinfo == UTC
    assert labels["org.opencontainers.image.licenses"] == "NOASSERTION"
    assert labels["org.opencontainers.image.base.name"] == "debian:trixie-slim"
    for unknown in ("base.digest", "source"):
        assert f"org.opencontainers.image.{unknown}" not in labels


def test_it_runs_as_a_user_that_kubernetes_knows_is_not_root(image: str) -> None:
    assert inspect(image)["Config"]["User"] == f"{UID}:{UID}"
    assert run(image, "id", "-u") == str(UID)


def test_nothing_but_scratch_folders_can_be_written(image: str) -> None:
    command = "find / -xdev -writable ! -type l 2>/dev/null; true"
    found = run(image, "sh", "-c", command, options=()).splitlines()
    engines_own = re.compile(r"/(dev|proc)(/.*)?|/etc/(hosts|hostname|resolv\.conf)")
    writable = [path for path in found if not engines_own.fullmatch(path)]
    assert sorted(writable) == ["/run/lock", "/tmp", "/var/tmp"]


def test_it_holds_no_tools_tests_or_caches(image: str) -> None:
    tools = ("pip", "pip3", "uv", "gcc", "cc", "make", "git", "curl", "wget", "unzip")
    script = f"import shutil; print(list(filter(shutil.which, {tools})))"
    assert run(image, "python3", "-c", script) == "[]"
    left_over = (
        "find / -xdev ( -path /root/.cache -o -path /build -o -path */etl_sales_target/tests"
        " -o -name *.whl -o -name *.zip -o -path */site-packages/pip -o -path /var/lib/apt/lists/*"
        " -o -name *.deb -o -path */site-packages/pytest ) -print"
    )
    found = run(image, *left_over.split(), options=("--user=0",))
    # Python's own example of a zip is part of Debian's package.
    assert [path for path in found.splitlines() if "python3.13/" not in path] == []


def test_every_module_is_compiled(image: str) -> None:
    script = (
        "import importlib.util, pathlib, sys\n"
        "modules = pathlib.Path(sys.prefix).rglob('site-packages/**/*.py')\n"
        "compiled = map(importlib.util.cache_from_source, modules)\n"
        "print([path for path in compiled if not pathlib.Path(path).exists()])"
    )
    assert run(image, "python3", "-c", script) == "[]"


@pytest.mark.parametrize("zone", ["Asia/Jakarta", "Asia/Karachi", "America/New_York"])
def test_it_knows_time_zones(image: str, zone: str) -> None:
    script = f"import zoneinfo; zoneinfo.reset_tzpath(); print(zoneinfo.ZoneInfo({zone!r}))"
    assert run(image, "python3", "-c", script) == zone


def test_it_knows_certificate_authorities(image: str) -> None:
    script = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'])"
    assert int(run(image, "python3", "-c", script)) > 100


def test_its_size(image: str) -> None:
    over_base = inspect(image)["Size"] - inspect("debian:trixie-slim")["Size"]
    assert 0 < over_base <= _SIZE_LIMIT_BYTES


def test_no_secret_of_the_build_is_left(image: str) -> None:
    assert "/run/secrets" not in run(image, "find", "/run", options=())
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert "://" not in history


def test_any_user_id_will_do(container_job: ContainerJob, small_source: SourceDatabase) -> None:
    done = container_job.with_options("--user=54321:54321")("run")
    assert done.exit_code == 0, done.stderr
