"""A run does not depend on what a DBA has set on its role or database, nor on who else is there."""

import contextlib
import time
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text

from etl_sales_target.core.errors import TemporaryError
from etl_sales_target.postgres.session import PostgresSession
from oracle_standin import OracleStandin
from support.command import Job
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

ISOLATIONS = ["repeatable read", "serializable"]
ROLE_SETTINGS = [
    "default_transaction_deferrable = on",
    "statement_timeout = '300ms'",
    "idle_in_transaction_session_timeout = '100ms'",
    "lock_timeout = '1ms'",
    "TimeZone = 'Pacific/Apia'",
    "DateStyle = 'SQL, DMY'",
    "IntervalStyle = 'sql_standard'",
    "standard_conforming_strings = off",
    "client_encoding = 'LATIN1'",
    "row_security = on",
    "quote_all_identifiers = on",
    "array_nulls = off",
    "search_path = ''",
    "role = 'pg_monitor'",
]


@pytest.fixture
def loader(job: Job, target: TargetDatabase) -> str:
    """The job runs as an ordinary user that owns nothing but what it makes; its role."""
    url = target.login_of("GRANT CREATE ON DATABASE {database} TO {role}")
    job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"] = url
    return str(urlsplit(url).username)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_role_with_settings(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    loader: str,
    standin: OracleStandin,
    isolation: str,
) -> None:
    """All at once; where it fails, try them one by one."""
    database = urlsplit(target.url).path[1:]
    target.execute(
        f"GRANT pg_monitor TO {loader}; GRANT CREATE ON DATABASE {database} TO pg_monitor"
    )
    for setting in (f"default_transaction_isolation = '{isolation}'", *ROLE_SETTINGS):
        target.execute(f"ALTER ROLE {loader} SET {setting}")
    standin.faults.delay(execute=0.15, fetch=0.15)

    for arguments in (["run"], ["run", "--full"], ["verify", "--rows"], ["check"], ["runs"]):
        result = job(*arguments)
        assert result.exit_code == 0, (arguments, result.stdout, result.stderr)
    assert target.rows() == small_source.rows()


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_what_is_written_during_the_digest_is_seen(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    loader: str,
    standin: OracleStandin,
    isolation: str,
) -> None:
    assert job("run").exit_code == 0
    target.execute(f"ALTER ROLE {loader} SET default_transaction_isolation = '{isolation}'")
    small_source.execute("UPDATE {table} SET target_amount = 7 WHERE id = 1")
    strange = "INSERT INTO mb.sales_target VALUES (99, 9, 2, 2024, 9)"
    written: list[int] = []

    def write(_rows: int) -> None:
        if not written:
            target.execute(strange)
            written.append(1)

    standin.faults.before_fetch(write, on="ora_hash")

    result = job("run")

    assert written
    assert result.exit_code == 0, result.stderr
    assert target.rows() == small_source.rows()


def test_the_snapshots_time_is_asked_for_in_the_calendar_that_python_reads(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    """The fault comes to pass only where the statement has the parameter."""
    standin.faults.ora_error(1555, on="'NLS_CALENDAR=GREGORIAN'")

    result = job("run")

    assert result.exit_code == 75
    assert "could not begin a snapshot: ORA-01555" in result.failure["error"]


# What the job and its libraries call in PostgreSQL, each with a version that a closer match or an
# earlier schema would prefer.
PLANTED_FUNCTIONS = {
    "hashtextextended": ["text, integer", "text, bigint"],
    "pg_try_advisory_xact_lock": ["bigint"],
    "pg_advisory_xact_lock": ["bigint"],
    "set_config": ["text, text, boolean"],
    "current_setting": ["text"],
    "pg_backend_pid": [""],
    "pg_terminate_backend": ["integer"],
    "to_regclass": ["text", "varchar"],
    "to_regnamespace": ["text"],
    "quote_ident": ["text"],
    "format_type": ["oid, integer"],
    "has_table_privilege": ["regclass, text", "oid, text", "regclass, varchar"],
    "row_security_active": ["oid"],
    "starts_with": ["text, text"],
    "unnest": ["anyarray", "numeric[]"],
    "version": [""],
    "current_schema": [""],
    "now": [""],
    "abs": ["numeric"],
}
PLANTED_OPERATORS = [
    "text, text",
    "text, varchar",
    "varchar, text",
    "name, text",
    "text, name",
    "numeric, numeric",
    "oid, regclass",
    "bigint, bigint",
    "bigint, integer",
]


def test_nothing_of_a_stranger_is_called(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, loader: str
) -> None:
    body = "LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''planted''; END'"
    target.execute("CREATE SCHEMA planted")
    for name, signatures in PLANTED_FUNCTIONS.items():
        for signature in signatures:
            returns = "SETOF numeric" if name == "unnest" else "text"
            target.execute(f"CREATE FUNCTION planted.{name}({signature}) RETURNS {returns} {body}")
    for number, types in enumerate(PLANTED_OPERATORS):
        left, right = types.split(", ")
        target.execute(
            f"CREATE FUNCTION planted.equal_{number}({types}) RETURNS boolean {body};"
            f" CREATE OPERATOR planted.= (LEFTARG = {left}, RIGHTARG = {right},"
            f" FUNCTION = planted.equal_{number})"
        )
    target.execute("CREATE TABLE planted.pg_attribute (); CREATE TABLE planted.pg_locks ()")
    target.execute(
        f"GRANT USAGE ON SCHEMA planted TO {loader};"
        f" ALTER ROLE {loader} SET search_path = planted, pg_catalog"
    )
    with (
        psycopg.connect(job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"]) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="planted"),
    ):
        connection.execute("SELECT version()")

    assert job("run").exit_code == 0
    small_source.execute("UPDATE {table} SET target_amount = 7, target_month = 12 WHERE id = 1")
    small_source.execute("UPDATE {table} SET target_year = NULL WHERE id = 2")
    for arguments in (
        ["check"], ["run", "--dry-run"], ["run"], ["backfill", "--from=2024-01", "--to=2024-02"],
        ["run", "--full"], ["verify", "--rows"], ["runs"],
    ):  # fmt: skip
        result = job(*arguments)
        assert result.exit_code == 0, (arguments, result.stdout, result.stderr)
    assert target.rows() == small_source.rows()


def test_a_deferred_trigger_cannot_edit_what_was_reconciled(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    assert job("run").exit_code == 0
    before = target.rows()
    target.execute(
        "CREATE FUNCTION mb.edit() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN UPDATE mb.sales_target SET target_amount = 0.5 WHERE id = NEW.id; RETURN NULL;"
        " END'; CREATE CONSTRAINT TRIGGER edit AFTER INSERT ON mb.sales_target"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mb.edit()"
    )
    small_source.execute("UPDATE {table} SET target_amount = 7 WHERE id = 1")

    result = job("run")

    assert result.exit_code == 65
    assert result.failure["reason"] == "reconciliation_failed"
    assert target.rows() == before


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def encoded(request: pytest.FixtureRequest, job: Job, target: TargetDatabase) -> Iterator[str]:
    """The job loads into a database of another encoding."""
    name = f"encoded_{time.monotonic_ns()}"
    with psycopg.connect(target.url, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C'"
            " TEMPLATE template0".encode()
        )
        job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"] = f"{target.url.rpartition('/')[0]}/{name}"
        yield request.param
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_databases_of_another_encoding(
    job: Job, small_source: SourceDatabase, encoded: str
) -> None:
    for arguments in (["run"], ["verify", "--rows"], ["runs"]):
        assert job(*arguments).exit_code == 0


def test_what_the_targets_encoding_cannot_hold_is_named(
    job: Job, small_source: SourceDatabase, encoded: str
) -> None:
    result = job("run", ETL_TRIGGERED_BY="Łukasz")

    # SQL_ASCII keeps any bytes.
    assert result.exit_code == (0 if encoded == "SQL_ASCII" else 65), result.stderr
    if encoded == "LATIN1":
        assert result.failure["code"] == "22P05"
        assert "ETL_TRIGGERED_BY" in result.failure["remedy"]


def test_numbers_that_no_period_of_oracle_has(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    assert job("run").exit_code == 0
    for year, month in (
        ("NaN", "1"), ("Infinity", "1"), ("-Infinity", "NaN"), ("1e200", "2"), ("9" * 42, "3"),
        ("2024", "NaN"),
    ):  # fmt: skip
        target.execute(
            f"INSERT INTO mb.sales_target SELECT n, 1, CAST('{month}' AS numeric),"
            f" CAST('{year}' AS numeric), 5 FROM generate_series(1, 2) AS n"
        )
    small_source.execute("UPDATE {table} SET target_amount = 7 WHERE id = 1")

    assert job("verify").exit_code == 65
    assert job("run", "--dry-run").exit_code == 0
    result = job("run")

    assert result.exit_code == 0, result.stderr
    assert result.event("run_finished")["periods"]["removed"] == 6
    assert target.rows() == small_source.rows()
    assert job("verify", "--rows").exit_code == 0


def test_a_run_between_two_attempts_is_not_taken_for_abandoned(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    assert job("run").exit_code == 0
    pausing = (
        "INSERT INTO mb.etl_sales_target_runs (run_id, target_table, source_table, mode,"
        " triggered_by, started_at, outcome, next_attempt_at) VALUES ('{}', 'mb.sales_target', 's',"
        " 'run', 'me', now(), 'running', now() + '{}')"
    )
    target.execute(pausing.format("pausing", "20 seconds"))
    target.execute(pausing.format("lost", "-10 minutes"))

    assert job("run").event("run_finished")["abandoned_runs"] == ["lost"]


def test_only_a_run_of_this_target_that_has_no_session_is_taken_for_abandoned(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    assert job("run").exit_code == 0
    for run_id, table in (("lost", "sales_target"), ("alive", "sales_target"), ("other", "other")):
        target.execute(
            "INSERT INTO mb.etl_sales_target_runs (run_id, target_table, source_table, mode,"
            " triggered_by, started_at, outcome)"
            f" VALUES ('{run_id}', 'mb.{table}', 's', 'run', 'me', now() - '1 day'::interval,"
            " 'running')"
        )

    name = "etl-sales-target alive on another host"
    with psycopg.connect(target.url, application_name=name):
        result = job("run")

    assert result.event("run_finished")["abandoned_runs"] == ["lost"]
    assert target.query(
        "SELECT run_id FROM mb.etl_sales_target_runs WHERE outcome = 'running' ORDER BY 1"
    ) == [("alive",), ("other",)]


def test_the_pause_before_the_next_attempt_is_on_record(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    standin.faults.ora_error(1555, on="ora_hash")
    process = job.start("run", ETL_RETRY_BUDGET_SECONDS="20")
    due = []
    while process.poll() is None:
        with contextlib.suppress(psycopg.errors.UndefinedTable):
            due += target.query(
                "SELECT next_attempt_at > now() FROM mb.etl_sales_target_runs"
                " WHERE next_attempt_at IS NOT NULL"
            )
        time.sleep(0.05)
    process.communicate()

    assert process.returncode == 0
    assert (True,) in due
    assert target.last_run("outcome", "next_attempt_at") == ("succeeded", None)


def test_a_living_run_that_was_taken_for_abandoned_decides_its_outcome_itself(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    standin.faults.before_fetch(
        lambda _rows: target.execute("UPDATE mb.etl_sales_target_runs SET outcome = 'abandoned'")
    )

    result = job("run")

    assert result.exit_code == 0
    assert target.last_run("outcome", "rows_inserted") == ("succeeded", 24)


def test_many_changed_periods(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    """More than a statement has parameters; most periods are removed, so Oracle is not asked."""
    assert job("run").exit_code == 0
    target.execute(
        "INSERT INTO mb.sales_target SELECT n, 1, 1 + n % 12, 3000 + n / 12, n"
        " FROM generate_series(1, 70000) AS n"
    )

    result = job("run", "--allow-shrink")

    assert result.exit_code == 0, result.stderr
    assert target.rows() == small_source.rows()
    assert result.event("run_finished")["periods"]["removed"] > 65_535
    assert Decimal(result.event("run_finished")["rows_deleted"]) == 70_000


def test_a_trigger_that_relies_on_the_callers_search_path_is_named(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute(
        "CREATE SCHEMA mb; CREATE TABLE mb.sales_target (id numeric, product_id numeric,"
        " target_month numeric, target_year numeric, target_amount numeric);"
        " CREATE TABLE public.audit (id numeric);"
        " CREATE FUNCTION mb.note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NEW; END';"
        " CREATE TRIGGER note AFTER INSERT ON mb.sales_target"
        " FOR EACH ROW EXECUTE FUNCTION mb.note()"
    )

    check = job("check")
    failed = job("run")

    assert "trigger note runs mb.note(), which has no search_path of its own" in check.stdout
    assert failed.exit_code == 69
    assert "search_path" in failed.failure["remedy"]
    target.execute("ALTER FUNCTION mb.note() SET search_path = public")
    assert "search_path" not in job("check").stdout
    assert job("run").exit_code == 0


def test_a_lost_session_is_ended_whatever_role_it_has_taken(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, loader: str
) -> None:
    """pg_stat_activity shows who logged in, not the role that the session has taken since."""
    database = urlsplit(target.url).path[1:]
    target.execute(
        f"CREATE ROLE of_{loader}; GRANT of_{loader} TO {loader};"
        f" GRANT CREATE ON DATABASE {database} TO of_{loader};"
        f" ALTER ROLE {loader} SET role = of_{loader}"
    )
    with open_session(job) as lost, open_session(job), pytest.raises(TemporaryError):
        lost.execute(text("SELECT 1"))


def open_session(job: Job) -> PostgresSession:
    """A session as the job has it, in this process."""
    connection = conninfo_to_dict(job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"])
    return PostgresSession(
        {key: value for key, value in connection.items() if value is not None},
        run_id="run",
        connect_timeout_seconds=5,
        call_timeout_seconds=5,
        lock_timeout_seconds=7,
    )


# What a DBA may have set, and what holds in each transaction of the job.
SETTINGS = {
    "search_path": ("public", "pg_catalog, pg_temp"),
    "row_security": ("on", "off"),
    "TimeZone": ("Pacific/Apia", "UTC"),
    "DateStyle": ("SQL, DMY", "ISO, DMY"),
    "statement_timeout": ("300s", "0"),
    "idle_in_transaction_session_timeout": ("300s", "0"),
    "transaction_timeout": ("300s", "0"),
    "lock_timeout": ("300s", "7s"),
    "tcp_keepalives_idle": ("77", "30"),
    "tcp_keepalives_interval": ("77", "10"),
    "tcp_keepalives_count": ("7", "3"),
    "tcp_user_timeout": ("77s", "60000"),
    "client_connection_check_interval": ("77s", "2s"),
}


@pytest.mark.parametrize(
    ("begins", "isolation"),
    [
        (None, "read committed"),
        (False, "repeatable read"),
        (True, "repeatable read"),
    ],
    ids=["load", "snapshot", "read-only snapshot"],
)
def test_the_settings_of_each_transaction(
    job: Job, target: TargetDatabase, loader: str, begins: bool | None, isolation: str
) -> None:
    for name, (theirs, _) in SETTINGS.items():
        target.execute(f"ALTER ROLE {loader} SET {name} = '{theirs}'")
    target.execute(f"ALTER ROLE {loader} SET default_transaction_isolation = 'serializable'")

    with open_session(job) as session:
        if begins is not None:
            session.begin_snapshot(read_only=begins)
        found = {name: session.execute(text(f"SHOW {name}")).scalar() for name in SETTINGS}
        level = session.execute(text("SHOW transaction_isolation")).scalar()
        read_only = session.execute(text("SHOW transaction_read_only")).scalar()

    assert found == {name: ours for name, (_, ours) in SETTINGS.items()}
    assert (level, read_only) == (isolation, "on" if begins else "off")
