"""Tables of any name, and databases at any address, through the whole pipeline."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from oracle_standin import OracleStandin
from support.command import Job, verdicts
from support.faults.proxy import Proxy
from support.monitoring import Pushgateway, needs_monitoring
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

# What Oracle keeps in upper case, quoted or not, and SQLAlchemy would quote in lower case.
SOURCE_NAMES = [
    "khs_targets#",  # as the editioning views of E-Business Suite 12.2
    "_targets",
    "targets$",
    "select",
    "user",
    "date",
    "level",
]
LONGEST_NAME = "n" * 55


@pytest.mark.parametrize("kind", ["table", "view"])
@pytest.mark.parametrize("name", SOURCE_NAMES)
def test_a_source_of_any_name(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    standin: OracleStandin,
    name: str,
    kind: str,
) -> None:
    small_source.execute(
        f'ALTER TABLE {{table}} RENAME TO "{name}"'
        if kind == "table"
        else f'CREATE VIEW apps."{name}" AS SELECT * FROM {{table}}'
    )
    environ = {"ETL_SOURCE_TABLE": f"apps.{name}"}

    check, run, verify = (
        job(*arguments, **environ) for arguments in (["check"], ["run"], ["verify", "--rows"])
    )

    assert (check.exit_code, run.exit_code, verify.exit_code) == (0, 0, 0), run.stderr
    assert verdicts(check)["source object"] == ("OK", kind)
    assert len(target.rows()) == 24


@pytest.mark.parametrize("name", SOURCE_NAMES)
def test_a_source_in_a_schema_of_any_name(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    standin: OracleStandin,
    name: str,
) -> None:
    small_source.execute(f'CREATE SCHEMA "{name}"; ALTER TABLE {{table}} SET SCHEMA "{name}"')
    table = f"{name}.khs_customers_trx_targets"

    assert job("run", ETL_SOURCE_TABLE=table).exit_code == 0
    assert len(target.rows()) == 24


@pytest.mark.parametrize(
    "table",
    [f"mb.{LONGEST_NAME}", f"{LONGEST_NAME}.sales_target", f"{LONGEST_NAME}.{LONGEST_NAME}"],
)
def test_the_longest_names_of_a_target(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, table: str
) -> None:
    environ = {"ETL_TARGET_TABLE": table}

    for arguments in (["run"], ["run", "--full"], ["verify", "--rows"], ["check"], ["runs"]):
        result = job(*arguments, **environ)
        assert result.exit_code == 0, (arguments, result.stdout, result.stderr)

    assert target.query(f"SELECT count(*) FROM {table}") == [(24,)]
    assert target.query(
        f"SELECT DISTINCT target_table FROM {table.split('.', maxsplit=1)[0]}.etl_sales_target_runs"
    ) == [(table,)]


@pytest.mark.parametrize("table", [f"mb.{LONGEST_NAME}n", f"{LONGEST_NAME}n.sales_target"])
def test_longer_names_of_a_target_are_refused(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, table: str
) -> None:
    result = job("run", ETL_TARGET_TABLE=table)

    assert (result.exit_code, result.failure["reason"]) == (78, "configuration")
    assert "ETL_TARGET_TABLE" in result.failure["error"]
    assert "has more than 55 bytes" in result.failure["error"]
    assert target.query("SELECT 1 FROM pg_namespace WHERE nspname IN ('mb')") == []


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="needs the address ::1")


@pytest.fixture
def at_ipv6(job: Job, standin: OracleStandin, target: TargetDatabase) -> Iterator[Job]:
    """The job reaches both databases at ::1."""
    places = {
        "AIRFLOW_CONN_ORACLE_CONN_ID": standin.port,
        "AIRFLOW_CONN_POSTGRES_CONN_ID": urlsplit(target.url).port or 0,
    }
    with ExitStack() as stack:
        for variable, port in places.items():
            proxy = stack.enter_context(Proxy(port, host="::1"))
            place = urlsplit(job.environ[variable])
            login = place.netloc.rpartition("@")[0]
            job.environ[variable] = place._replace(netloc=f"{login}@[::1]:{proxy.port}").geturl()
        yield job


@needs_ipv6
def test_databases_at_an_ipv6_address(
    at_ipv6: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    for arguments in (["check"], ["run"], ["verify", "--rows"]):
        result = at_ipv6(*arguments)
        assert result.exit_code == 0, (arguments, result.stdout, result.stderr)
    assert target.rows() == small_source.rows()


@needs_ipv6
@needs_monitoring
def test_a_pushgateway_at_an_ipv6_address(job: Job, small_source: SourceDatabase) -> None:
    with Pushgateway() as gateway, Proxy(gateway.port, host="::1") as proxy:
        url = f"http://[::1]:{proxy.port}"
        check, result = (job(command, ETL_PUSHGATEWAY_URL=url) for command in ("check", "run"))

        assert (check.exit_code, result.exit_code) == (0, 0), check.stdout + result.stderr
        assert result.event("metrics_pushed")
        assert len(gateway.groups()) == 1
