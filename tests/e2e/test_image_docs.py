"""Every `docker run` of docs/image.md and of the README, run as it is written there."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from demo.embedded_postgres import EmbeddedPostgres
from etl_sales_target.config.settings import ORACLE_CONNECTION, POSTGRES_CONNECTION
from oracle_standin import OracleStandin
from support.e2e.containers import DOCKER, VERSION
from support.project import PROJECT
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase
from support.tls import Authority, postgres_front

DOCUMENT = (PROJECT / "docs/image.md").read_text()
README = (PROJECT / "README.md").read_text()
_TIMEOUT_SECONDS = 60

# The examples reach databases by name; the tests' are on the loopback of the host.
_DOCKER_ON_THE_HOSTS_NETWORK = """#!/bin/sh
[ "$1" = run ] || { echo "not a docker run: $*" >&2; exit 64; }
shift
exec "$REAL_DOCKER" run --network=host "$@"
"""

RunExample = Callable[[str], "subprocess.CompletedProcess[str]"]


def block(language: str, after: str, document: str = DOCUMENT) -> str:
    """The document's first block in this language after these words."""
    assert document.count(after) == 1
    found = re.search(
        rf"^```{language}\n(.*?)^```", document.split(after)[1], re.MULTILINE | re.DOTALL
    )
    assert found
    return found[1]


def documented(url: str, *, after: str) -> str:
    """The connection that the document shows after these words, at the place of `url`."""
    shown = urlsplit(block("ini", after).partition("=")[2].strip())
    real = urlsplit(url)
    return urlunsplit((shown.scheme, real.netloc, real.path, shown.query, ""))


@pytest.fixture
def folder(tmp_path: Path, small_source: SourceDatabase, target: TargetDatabase) -> Path:
    """The folder that the examples are run in, with both connections."""
    write_connections(tmp_path, small_source.uri, target.url)
    return tmp_path


def write_connections(folder: Path, oracle: str, postgres: str) -> None:
    (folder / "connections.env").write_text(
        f"{ORACLE_CONNECTION}={oracle}\n{POSTGRES_CONNECTION}={postgres}\n"
    )


@pytest.fixture
def run_example(image: str, folder: Path) -> RunExample:
    """Runs a block by a shell."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "docker").write_text(_DOCKER_ON_THE_HOSTS_NETWORK)
    (programs / "docker").chmod(0o755)

    def run(script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(shutil.which("bash")), "-euc", script],
            cwd=folder,
            env=os.environ
            | {
                "PATH": f"{programs}:{os.environ['PATH']}",
                "REAL_DOCKER": str(shutil.which(DOCKER)),
                "image": image,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )

    return run


def test_check(run_example: RunExample) -> None:
    done = run_example(block("sh", "Before the first run"))
    assert done.returncode == 0, done.stdout


def test_daily_run_then_backfill(
    run_example: RunExample, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    done = run_example(block("sh", "The daily run,"))
    assert done.returncode == 0, done.stderr
    assert target.rows() == small_source.rows()

    target.execute("UPDATE mb.sales_target SET target_amount = -1")
    done = run_example(block("sh", "Three months once more"))
    assert done.returncode == 0, done.stderr
    changed = (
        "SELECT DISTINCT target_month FROM mb.sales_target WHERE target_amount = -1 ORDER BY 1"
    )
    assert target.query(changed) == [(month,) for month in range(4, 13)]


def test_connections_in_files(
    run_example: RunExample, folder: Path, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    (folder / "connections.env").unlink()
    connections = folder / "connections"
    connections.mkdir(mode=0o700)
    for name, uri in ((ORACLE_CONNECTION, small_source.uri), (POSTGRES_CONNECTION, target.url)):
        (connections / name).write_text(uri)
        (connections / name).chmod(0o600)
    done = run_example(block("sh", "### Connections in files"))
    assert done.returncode == 0, done.stderr
    assert target.rows() == small_source.rows()


@pytest.fixture
def authority(folder: Path) -> Authority:
    """The one that signed the database's certificate."""
    return Authority.create(folder, "database")


@pytest.fixture
def other_authority(folder: Path) -> Authority:
    """One that did not."""
    return Authority.create(folder, "other")


@pytest.fixture
def tls_target(
    authority: Authority, postgres: EmbeddedPostgres, target: TargetDatabase
) -> Iterator[str]:
    """The target by TLS alone, as the document writes its connection."""
    with postgres_front(postgres.port, authority.server_context()) as port:
        at_front = target.url.replace(f":{postgres.port}/", f":{port}/")
        yield documented(at_front, after="### TLS to PostgreSQL")


def test_tls_to_postgres(
    run_example: RunExample,
    folder: Path,
    small_source: SourceDatabase,
    tls_target: str,
    authority: Authority,
    other_authority: Authority,
) -> None:
    write_connections(folder, small_source.uri, tls_target)
    example = block("sh", "### TLS to PostgreSQL")
    certificate = folder / "postgres-ca.crt"

    certificate.write_bytes(authority.ca_file.read_bytes())
    done = run_example(example)
    assert done.returncode == 0, done.stdout
    assert "OK      target connection" in done.stdout

    certificate.write_bytes(other_authority.ca_file.read_bytes())
    done = run_example(example)
    assert done.returncode != 0
    assert "certificate verify failed" in done.stdout


@pytest.fixture
def tcps_source(
    authority: Authority, standin_database_url: str, small_source: SourceDatabase
) -> Iterator[str]:
    """The address of the source's rows behind TLS."""
    context = authority.server_context()
    with OracleStandin(standin_database_url, ssl_context=context) as server:
        yield f"oracle://{server.user}:{server.password}@{server.dsn}"


@pytest.mark.parametrize(
    ("after", "file"),
    [
        ("### TCPS to Oracle", "wallet/ewallet.pem"),
        ("An authority alone", "oracle-ca.crt"),
    ],
    ids=["wallet", "authority"],
)
def test_tcps_to_oracle(
    run_example: RunExample,
    folder: Path,
    target: TargetDatabase,
    tcps_source: str,
    authority: Authority,
    other_authority: Authority,
    after: str,
    file: str,
) -> None:
    write_connections(folder, documented(tcps_source, after=after), target.url)
    example = block("sh", after)
    certificate = folder / file
    certificate.parent.mkdir(exist_ok=True)

    certificate.write_bytes(authority.ca_file.read_bytes())
    done = run_example(example)
    assert done.returncode == 0, done.stdout
    assert "OK      source connection" in done.stdout

    certificate.write_bytes(other_authority.ca_file.read_bytes())
    done = run_example(example)
    assert done.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in done.stdout.upper().replace(" ", "_")


def test_the_readmes_example(
    run_example: RunExample, image: str, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    exports, alias, commands = block("console", "## Run it", README).partition("alias job=")
    assert exports.count("export ") == 2
    script = f"""
        shopt -s expand_aliases
        export {ORACLE_CONNECTION}='{small_source.uri}' {POSTGRES_CONNECTION}='{target.url}'
        {alias}{commands}"""
    assert f"etl-sales-target:{VERSION}'" in script

    done = run_example(script.replace(f"etl-sales-target:{VERSION}", image))

    assert done.returncode == 0, done.stdout + done.stderr
    assert target.rows() == small_source.rows()
    assert target.query("SELECT count(*) FROM mb.etl_sales_target_runs") == [(2,)]


def test_no_example_is_left_out() -> None:
    blocks = re.findall(r"^```sh\n", DOCUMENT, re.MULTILINE)
    assert len(blocks) == 7
