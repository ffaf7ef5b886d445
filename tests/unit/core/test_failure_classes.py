"""What each code means for the run, tried with the exceptions that the drivers themselves make."""

import re
from collections.abc import Callable
from typing import Any

import oracledb
import psycopg
import pytest
from oracledb import errors as driver
from psycopg import errors as sqlstates

from etl_sales_target.core.errors import (
    ConfigurationError,
    DataError,
    JobError,
    NotAllowedError,
    NotFoundError,
    TemporaryError,
)
from etl_sales_target.core.failure_classes import FailureClass
from etl_sales_target.oracle.errors import FAILURE_CLASSES as ORACLE
from etl_sales_target.oracle.errors import translated as oracle_errors
from etl_sales_target.postgres.errors import FAILURE_CLASSES as POSTGRES
from etl_sales_target.postgres.errors import translated as postgres_errors
from etl_sales_target.runtime.retrying import is_worth_retrying

Named = Callable[[Exception], JobError]


def oracle_failure(code: str, said: str = "what Oracle says") -> oracledb.Error:
    """The exception that the driver raises for this code, its own wrapping included."""
    number = int(code[4:])
    error = driver._Error(message=f"{code}: {said}", code=number if code < "DPY" else 0)
    return error.exc_type(error)


def named_by_source(error: Exception) -> JobError:
    """The job's error for one of oracledb."""
    with pytest.raises(JobError) as e, oracle_errors("read"):
        raise error
    return e.value


def named_by_target(error: Exception) -> JobError:
    """The job's error for one of psycopg."""
    with pytest.raises(JobError) as e, postgres_errors("write"):
        raise error
    return e.value


def postgres_failure(sqlstate: str) -> psycopg.Error:
    """The exception that psycopg raises for this SQLSTATE."""
    try:
        return sqlstates.lookup(sqlstate)("what PostgreSQL says")
    except KeyError:
        # As psycopg does for what is newer than itself.
        error = psycopg.OperationalError("what PostgreSQL says")
        error.sqlstate = sqlstate
        return error


@pytest.mark.parametrize("code", ORACLE)
def test_every_row_for_oracle(code: str) -> None:
    error = named_by_source(oracle_failure(code))

    assert type(error) is ORACLE[code].error
    assert error.code == code
    assert error.remedy == ORACLE[code].remedy
    assert f"{code}: what Oracle says" in error.message


def states_of(row: str) -> list[str]:
    """The SQLSTATEs that a row is for: itself, or those of its class that have no own row."""
    if len(row) == 5:
        return [row]
    known = [name for name in sqlstates._sqlcodes if name.startswith(row)]
    return [state for state in known if state not in POSTGRES]


@pytest.mark.parametrize(
    ("row", "sqlstate"), [(row, state) for row in POSTGRES for state in states_of(row)]
)
def test_every_row_for_postgres(row: str, sqlstate: str) -> None:
    error = named_by_target(postgres_failure(sqlstate))

    assert type(error) is POSTGRES[row].error
    assert error.code == sqlstate
    assert error.remedy == POSTGRES[row].remedy
    assert "what PostgreSQL says" in error.message


@pytest.mark.parametrize(
    ("code", "kind"),
    {
        "ORA-00942": NotFoundError,
        "ORA-00904": NotFoundError,
        "ORA-01017": NotAllowedError,
        "ORA-01031": NotAllowedError,
        "ORA-28000": NotAllowedError,
        "ORA-28001": NotAllowedError,
        "ORA-01555": TemporaryError,
        "ORA-03113": TemporaryError,
        "ORA-12170": TemporaryError,
        "ORA-12514": TemporaryError,
        "ORA-12541": TemporaryError,
        "ORA-12154": ConfigurationError,
        "DPY-4018": ConfigurationError,
        "DPY-4011": TemporaryError,
        "DPY-6005": TemporaryError,
        "DPI-1047": NotFoundError,
    }.items(),
)
def test_what_people_on_call_meet_in_oracle(code: str, kind: type[JobError]) -> None:
    assert type(named_by_source(oracle_failure(code))) is kind


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    {
        "08006": TemporaryError,
        "40001": TemporaryError,
        "40P01": TemporaryError,
        "53100": TemporaryError,
        "53300": TemporaryError,
        "55P03": TemporaryError,
        "57P01": TemporaryError,
        "57P03": TemporaryError,
        "28P01": NotAllowedError,
        "42501": NotAllowedError,
        "3D000": NotFoundError,
        "42P01": NotFoundError,
        "42703": NotFoundError,
        "22003": DataError,
        "23505": DataError,
        "P0001": DataError,
        "42601": JobError,
        "XX000": JobError,
    }.items(),
)
def test_what_people_on_call_meet_in_postgres(sqlstate: str, kind: type[JobError]) -> None:
    assert type(named_by_target(postgres_failure(sqlstate))) is kind


@pytest.mark.parametrize(
    "kind", dict.fromkeys([*ORACLE.values(), *POSTGRES.values()]), ids=lambda kind: kind.remedy
)
def test_a_remedy_is_a_sentence(kind: FailureClass) -> None:
    assert re.fullmatch(r"[A-Z].*\.", kind.remedy)


@pytest.mark.parametrize("code", ["ORA-01017", "ORA-01005", "ORA-28000", "ORA-28001"])
def test_a_refused_login_is_never_tried_again(code: str) -> None:
    assert not is_worth_retrying(named_by_source(oracle_failure(code)))


def test_the_innermost_known_code_is_the_cause() -> None:
    text = (
        "DPY-6005: cannot connect to database (CONNECTION_ID=x).\n"
        'DPY-6001: Service "S" is not registered with the listener at host "h" port 1521. '
        "(Similar to ORA-12514)"
    )
    error = named_by_source(oracledb.OperationalError(text))

    assert error.code == "ORA-12514"
    assert "service name" in str(error.remedy)


def test_a_code_that_nobody_knows_is_kept() -> None:
    error = named_by_source(oracle_failure("ORA-00600", "internal error code"))

    assert type(error) is JobError
    assert error.code == "ORA-00600"


@pytest.mark.parametrize("name", [named_by_source, named_by_target], ids=["oracle", "postgres"])
def test_trouble_on_the_line_is_temporary_without_a_code(name: Named) -> None:
    module: Any = oracledb if name is named_by_source else psycopg

    assert type(name(module.OperationalError("the line is dead"))) is TemporaryError
    assert type(name(module.InternalError("what is this"))) is JobError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (named_by_source, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
        (named_by_target, "SSL error: certificate verify failed"),
        (named_by_target, "server does not support SSL, but SSL was required"),
    ],
)
def test_a_certificate_that_nobody_trusts_is_not_tried_again(name: Named, text: str) -> None:
    module: Any = oracledb if name is named_by_source else psycopg

    assert type(name(module.OperationalError(text))) is NotAllowedError


# As libpq 17 words them.
REFUSED_CONNECTIONS = {
    'password authentication failed for user "u"': ("28P01", NotAllowedError),
    'Peer authentication failed for user "u"': ("28000", NotAllowedError),
    'no pg_hba.conf entry for host "h", user "u", database "d"': ("28000", NotAllowedError),
    'pg_hba.conf rejects connection for host "h"': ("28000", NotAllowedError),
    'role "u" is not permitted to log in': ("28000", NotAllowedError),
    'role "u" does not exist': ("28000", NotAllowedError),
    'permission denied for database "d"': ("42501", NotAllowedError),
    'database "d" does not exist': ("3D000", NotFoundError),
    "sorry, too many clients already": ("53300", TemporaryError),
    'too many connections for role "u"': ("53300", TemporaryError),
    "remaining connection slots are reserved for roles with the SUPERUSER attribute": (
        "53300",
        TemporaryError,
    ),
    "the database system is starting up": ("57P03", TemporaryError),
    "the database system is shutting down": ("57P03", TemporaryError),
    'database "d" is not currently accepting connections': (None, TemporaryError),
}


@pytest.mark.parametrize(("said", "expected"), REFUSED_CONNECTIONS.items())
def test_a_refused_connection_to_postgres(said: str, expected: tuple[str, type[JobError]]) -> None:
    text = (
        f'connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL:  {said}'
    )
    error = named_by_target(psycopg.OperationalError(text))

    assert (error.code, type(error)) == expected


def test_a_missing_password_is_not_tried_again() -> None:
    text = 'connection to server at "h", port 5432 failed: fe_sendauth: no password supplied'

    assert type(named_by_target(psycopg.OperationalError(text))) is NotAllowedError
