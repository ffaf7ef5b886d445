"""Every setting and every connection, wrong in every way: one clear sentence, exit code 78."""

import json
import string
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql

from demo.embedded_postgres import EmbeddedPostgres
from oracle_standin import OracleStandin
from support.faults.harness import FaultHarness
from support.faults.proxy import Proxy
from support.source_database import StandinSource
from support.target_database import TargetDatabase

NO_NUMBERS = ["", " ", "x", "1.5", "1e3", "-1", "0x10", "9" * 30, "NaN", "1;2", "\x1b[31m"]
NO_WORDS = ["", "THICKER", "auto;", "é"]
NO_TABLES = [
    "", "t", "a.b.c", "mb.t; DROP TABLE mb.sales_target", 'mb."t"', "mb.t--", "mb.t/**/",
    "mb.(select 1)", "mb.sales_target'", "mb.tabelle\u00e9", "mb.\u0661", ".", "mb.", ".t", "mb. t",
]  # fmt: skip
NO_URLS = ["x", "ftp://h", "http://", "http://h:x", "http://h:99999", "http://u:hidden-pw@h", "//h"]
WRONG = {
    "ETL_BATCH_ROWS": NO_NUMBERS,
    "ETL_CONNECT_TIMEOUT_SECONDS": [*NO_NUMBERS, "0"],
    "ETL_CALL_TIMEOUT_SECONDS": [*NO_NUMBERS, "0"],
    "ETL_LOCK_TIMEOUT_SECONDS": [*NO_NUMBERS, "0"],
    "ETL_RETRY_BUDGET_SECONDS": NO_NUMBERS,
    "ETL_MAX_SHRINK_PERCENT": [*NO_NUMBERS, "101"],
    "ETL_CHANGES_RETENTION_DAYS": [*NO_NUMBERS, "36501"],
    "ETL_PUSHGATEWAY_TIMEOUT_SECONDS": [*NO_NUMBERS, "0"],
    "ETL_ORACLE_MODE": NO_WORDS,
    "ETL_LOG_LEVEL": NO_WORDS,
    "ETL_LOG_FORMAT": NO_WORDS,
    "ETL_SOURCE_TABLE": NO_TABLES,
    "ETL_TARGET_TABLE": NO_TABLES,
    "ETL_PUSHGATEWAY_URL": NO_URLS,
}
HIDDEN = "hidden-pw"
WRONG_CONNECTIONS = [
    "",
    "{",
    "{}",
    "[]",
    "null",
    '{"conn_type": "oracle", "password": "hidden-pw"',
    '{"conn_type": "oracle", "password": ["hidden-pw"]}',
    '{"conn_type": "oracle", "host": "h", "login": "u", "password": "hidden-pw", "port": "x"}',
    '{"conn_type": "oracle", "host": "h", "login": "u", "password": "hidden-pw", "extra": "{"}',
    '{"conn_type": "oracle", "host": "h", "login": "u", "password": "hidden-pw", "wrong": 1}',
    "u:hidden-pw@h",
    "://u:hidden-pw@h",
    "mysql://u:hidden-pw@h/d",
    "{type}://u:hidden-pw/x@h/d",
    "{type}://u:hidden-pw@h:99999/d",
    "{type}://u:hidden-pw@h:port/d",
    "{type}://:hidden-pw@h/d",
    "{type}://u:hidden-pw@/d?dsn=",
    "{type}://u:hidden-pw@h://x/d",
    "{type}://u:hidden-pw@[::1/d",
    "{type}://u:hidden-pw@h/d?__extra__={",
    "{type}://u:hidden-pw@h/d?no_such_option=hidden-pw" + "x" * 5000,
]
CONNECTIONS = {"oracle": "AIRFLOW_CONN_ORACLE_CONN_ID", "postgres": "AIRFLOW_CONN_POSTGRES_CONN_ID"}

# Every character that means something to a URI, JSON, a connect descriptor, libpq or a shell.
SPECIAL = string.punctuation + "ä€ %20%"


@pytest.fixture(autouse=True)
def hidden(harness: FaultHarness) -> Iterator[None]:
    """What stands in every wrong connection may be printed by none."""
    harness.secrets.add(HIDDEN)
    yield
    harness.secrets.discard(HIDDEN)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_named(harness: FaultHarness, name: str) -> None:
    before = harness.target.rows()
    for value in WRONG[name]:
        result = harness.run("run", **{name: value})

        assert result.exit_code == 78, (value, result.stderr)
        assert name in result.failure["error"], (value, result.stderr)
        assert result.failure["remedy"]
    assert harness.target.rows() == before


@pytest.mark.parametrize("database", CONNECTIONS)
def test_a_wrong_connection_is_refused_without_its_secret(
    harness: FaultHarness, database: str
) -> None:
    for text in WRONG_CONNECTIONS:
        wrong = text.replace("{type}", database)

        result = harness.run("run", ETL_LOG_LEVEL="DEBUG", **{CONNECTIONS[database]: wrong})

        if "no_such_option" in text and database == "oracle":
            assert result.exit_code == 75, result.stderr  # Airflow ignores such extras too.
            continue
        assert result.exit_code == 78, (wrong, result.stderr)
        assert result.event("run_failed")["remedy"], wrong


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b'{"conn_type": "oracle", "password": "hidden-pw', b"\xff\xfe\x00", b"\0" * 100],
    ids=["empty", "blank", "half written", "not UTF-8", "zeros"],
)
@pytest.mark.parametrize("database", CONNECTIONS)
def test_a_secret_file_that_cannot_be_used(
    harness: FaultHarness, tmp_path: Path, database: str, content: bytes
) -> None:
    (tmp_path / CONNECTIONS[database]).write_bytes(content)

    result = harness.run("run", ETL_CONNECTIONS_DIR=str(tmp_path))

    assert result.exit_code == 78, result.stderr
    assert CONNECTIONS[database] in result.failure["error"]


@pytest.mark.parametrize("kind", ["folder", "dangling link", "loop"])
def test_a_secret_file_that_is_none(harness: FaultHarness, tmp_path: Path, kind: str) -> None:
    path = tmp_path / CONNECTIONS["oracle"]
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path if kind == "loop" else "nowhere")

    result = harness.run("run", ETL_CONNECTIONS_DIR=str(tmp_path))

    # Kubernetes links to files that come and go: without one, the environment counts.
    assert result.exit_code == (0 if kind == "dangling link" else 78), result.stderr


@pytest.fixture(scope="module")
def special(postgres: EmbeddedPostgres) -> Iterator[FaultHarness]:
    """Databases whose passwords are made of special characters."""
    with ExitStack() as stack:
        # pytest may make this more than once in one server. The role goes after its database.
        stack.callback(_drop_role, postgres)
        source_url = postgres.create_database("special_source")
        stack.callback(postgres.drop_database, "special_source")
        target_url = postgres.create_database("special_target")
        stack.callback(postgres.drop_database, "special_target")
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE special SUPERUSER LOGIN PASSWORD {}").format(SPECIAL)
            )
        standin = stack.enter_context(OracleStandin(source_url, password=SPECIAL))
        source = StandinSource(standin, source_url)
        source.insert((n, n, n % 12 + 1, 2024, n) for n in range(100))
        source.uri = f"oracle://{standin.user}:{quote(SPECIAL, safe='')}@{standin.dsn}"
        made = FaultHarness(
            source=source,
            target=TargetDatabase(target_url),
            standin=standin,
            oracle_proxy=_Straight(standin.port),
            postgres_proxy=_Straight(postgres.port),
            seed=0,
        )
        place = urlsplit(target_url)
        made.environ[CONNECTIONS["postgres"]] = (
            f"postgres://special:{quote(SPECIAL, safe='')}@127.0.0.1:{place.port}{place.path}"
        )
        made.secrets = {SPECIAL}
        yield made


def _drop_role(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS special")


class _Straight(Proxy):
    """No proxy: a port alone."""

    def __init__(self, port: int) -> None:
        self.port = port


@pytest.mark.parametrize("form", ["uri", "json"])
def test_secrets_of_special_characters(special: FaultHarness, form: str) -> None:
    standin, place = special.standin, urlsplit(special.target.url)
    as_json = {
        CONNECTIONS["oracle"]: {
            "conn_type": "oracle", "host": "127.0.0.1", "port": standin.port,
            "login": standin.user, "password": SPECIAL,
            "extra": {"service_name": standin.service_name},
        },
        CONNECTIONS["postgres"]: {
            "conn_type": "postgres", "host": "127.0.0.1", "port": place.port,
            "login": "special", "password": SPECIAL, "schema": place.path[1:],
        },
    }  # fmt: skip
    environ = {name: json.dumps(value) for name, value in as_json.items()} if form == "json" else {}

    good = special.run("run", "--full", ETL_LOG_LEVEL="DEBUG", **environ)
    for fault in (1017, 942, 600):
        special.standin.faults.ora_error(fault, f"it was {SPECIAL}", on="ora_hash")
        bad = special.run("run", ETL_LOG_LEVEL="DEBUG", **environ)
        assert bad.exit_code not in {0, 2}
        assert "***" in bad.stderr  # the server's own words held it
        special.standin.faults.clear()

    assert good.exit_code == 0, good.stderr
    assert special.target.rows() == special.source.rows()
