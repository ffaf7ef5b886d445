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


# What each row means for whoever starts the job: by their meaning, not by the table under test.
MEANINGS_FOR_ORACLE: dict[type[JobError], str] = {
    NotFoundError: """
        ORA-00942 ORA-00904 ORA-00980 ORA-01775 ORA-04043 ORA-04063 ORA-00932
        DPY-3001 DPY-3010 DPY-3012 DPY-3015 DPY-3040 DPI-1047 DPI-1050 DPI-1072
    """,
    NotAllowedError: """
        ORA-01017 ORA-01005 ORA-28000 ORA-28001 ORA-01031 ORA-01045 DPY-4001 DPY-6002 DPY-6006
        DPY-6008
    """,
    ConfigurationError: """
        ORA-12154 ORA-12504 ORA-12533 DPY-2018 DPY-2029 DPY-2049 DPY-4000 DPY-4017 DPY-4018
        DPY-4021 DPY-4022 DPY-4026 DPY-4027
    """,
    DataError: """
        ORA-01426 ORA-01427 ORA-01476 ORA-01489 ORA-01722 ORA-01839 ORA-01841 ORA-01843 ORA-01847
        ORA-01858 ORA-01861 ORA-06502
    """,
    TemporaryError: """
        ORA-01555 ORA-01466 ORA-08103 ORA-08177 ORA-00054 ORA-01652 ORA-02391 ORA-04031
        ORA-00018 ORA-00020 ORA-12516 ORA-12518 ORA-12519 ORA-12520 ORA-00028 ORA-01012
        ORA-01013 ORA-01033 ORA-01034 ORA-01089 ORA-02396 ORA-02399 ORA-03113 ORA-03114
        ORA-03135 ORA-12170 ORA-12514 ORA-12505 ORA-12526 ORA-12528 ORA-12535 ORA-12537
        ORA-12541 ORA-12543 ORA-12545 ORA-12547 ORA-12560 ORA-12570 ORA-12609 DPY-1001
        DPY-4011 DPY-4024 DPY-4033 DPY-4035 DPY-6000 DPY-6001 DPY-6003 DPY-6004 DPY-6005
        DPI-1067 DPI-1080
    """,
}
MEANINGS_FOR_POSTGRES: dict[type[JobError], str] = {
    NotFoundError: "42P01 42703 3F000 3D000 42804 42883 42809 55000 0A000 53400 54",
    NotAllowedError: "42501 28",
    TemporaryError: "25P03 25P04 55006 55P03 25006 08 40 53 57 58",
    DataError: "22P05 22021 22008 22 23 44 P0",
}


def by_row(meanings: dict[type[JobError], str]) -> dict[str, type[JobError]]:
    return {row: kind for kind, rows in meanings.items() for row in rows.split()}


ORACLE_KINDS, POSTGRES_KINDS = by_row(MEANINGS_FOR_ORACLE), by_row(MEANINGS_FOR_POSTGRES)


@pytest.mark.parametrize("code", ["ORA-20000", "ORA-20999"])
def test_what_a_views_function_raises_is_about_a_row(code: str) -> None:
    assert type(named_by_source(oracle_failure(code))) is DataError


def test_no_row_goes_without_its_meaning() -> None:
    assert ORACLE.keys() == ORACLE_KINDS.keys()
    assert POSTGRES.keys() == POSTGRES_KINDS.keys()


@pytest.mark.parametrize("code", ORACLE_KINDS)
def test_every_row_for_oracle(code: str) -> None:
    error = named_by_source(oracle_failure(code))

    assert type(error) is ORACLE_KINDS[code]
    assert error.code == code
    assert error.remedy == ORACLE[code].remedy
    assert f"{code}: what Oracle says" in error.message


def states_of(row: str) -> list[str]:
    """The SQLSTATEs that a row is for: itself, or those of its class that have no own row."""
    if len(row) == 5:
        return [row]
    known = [name for name in sqlstates._sqlcodes if name.startswith(row)]
    return [state for state in known if state not in POSTGRES_KINDS]


@pytest.mark.parametrize(
    ("row", "sqlstate"), [(row, state) for row in POSTGRES_KINDS for state in states_of(row)]
)
def test_every_row_for_postgres(row: str, sqlstate: str) -> None:
    error = named_by_target(postgres_failure(sqlstate))

    assert type(error) is POSTGRES_KINDS[row]
    assert error.code == sqlstate
    assert error.remedy == POSTGRES[row].remedy
    assert "what PostgreSQL says" in error.message


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


class PasswordSent:
    """A connection of libpq on which the server has asked for the password."""

    used_password = True


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("server closed the connection unexpectedly", TemporaryError),
        ("FATAL:  remaining connection slots are reserved for SUPERUSER", TemporaryError),
        ("FATAL:  échec de l'authentification par mot de passe", NotAllowedError),
        ("SCHWERWIEGEND:  Passwort-Authentifizierung fehlgeschlagen", NotAllowedError),
    ],
)
def test_what_follows_the_password_is_a_refusal_where_the_server_said_it(
    said: str, kind: type[JobError]
) -> None:
    error = psycopg.OperationalError(f"connection failed: {said}")
    error._pgconn = PasswordSent()  # type: ignore[assignment]

    assert type(named_by_target(error)) is kind
