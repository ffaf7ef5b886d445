"""PostgreSQL's errors by the job's names: the table of SQLSTATEs.

Source: PostgreSQL's appendix A "Error Codes". A code that no row names is a bug.
"""

import contextlib
import re
from collections.abc import Iterator

import psycopg
from sqlalchemy.exc import DBAPIError

from etl_sales_target.core.errors import (
    DataError,
    JobError,
    NotAllowedError,
    NotFoundError,
    TemporaryError,
)
from etl_sales_target.core.failure_classes import (
    BUSY,
    GRANT,
    LOGIN,
    MISSING,
    NETWORK,
    TLS,
    TYPE,
    FailureClass,
)

_VALUE = FailureClass(
    DataError,
    "Compare the types: `etl-sales-target tables --json` shows what each column of the target "
    "needs (`needed_type`) and has (`target_type`).",
)
_DATE = FailureClass(
    DataError,
    "PostgreSQL lacks some dates that Oracle has, such as 29 February 1500: correct the date in "
    "the source, or leave the column out of `columns`.",
)
_ENCODING = FailureClass(
    DataError,
    "The encoding of the target's database lacks a character that was sent: use a UTF8 database, "
    "or ASCII in ETL_TRIGGERED_BY.",
)
_TRIGGER_PATH = FailureClass(
    NotFoundError,
    "A trigger's function relies on the caller's search_path, which is pg_catalog alone here: "
    "ALTER FUNCTION … SET search_path.",
)
_LOGIN_REFUSED = FailureClass(
    NotAllowedError,
    "Read what the server says; most often the password is wrong. It is not retried, as that could "
    "lock the account.",
)
_WRITABLE = FailureClass(
    NotFoundError, "The target must be an ordinary table, without row level security for this user."
)
_LOCKED = FailureClass(
    TemporaryError, "Another session holds the target's lock; try again when it ended."
)
_TIMEOUT = FailureClass(
    TemporaryError, "A timeout of the server ended the session: lift it for this user."
)
_REFUSED = FailureClass(
    DataError, "A trigger or rule of the target refuses the rows: drop or correct it."
)

# By whole SQLSTATE first, then by its class (the first two characters).
FAILURE_CLASSES: dict[str, FailureClass] = {
    "42P01": MISSING,  # undefined_table
    "42703": MISSING,  # undefined_column
    "3F000": MISSING,  # invalid_schema_name
    "3D000": MISSING,  # invalid_catalog_name: the database does not exist
    "42501": GRANT,  # insufficient_privilege
    "42804": TYPE,  # datatype_mismatch
    "42883": TYPE,  # undefined_function: a sum of a column that is no number
    "42809": _WRITABLE,  # wrong_object_type: a view, a foreign table
    "55000": _WRITABLE,  # object_not_in_prerequisite_state: a view that takes no rows
    "0A000": _WRITABLE,  # feature_not_supported: COPY into a table with row level security
    "25P03": _TIMEOUT,  # idle_in_transaction_session_timeout
    "25P04": _TIMEOUT,  # transaction_timeout
    "55006": _LOCKED,  # object_in_use
    "55P03": _LOCKED,  # lock_not_available
    "25006": FailureClass(
        TemporaryError, "This server is read-only, perhaps a standby: check the host."
    ),
    "28": LOGIN,  # invalid_authorization_specification
    "08": NETWORK,  # connection_exception
    "22P05": _ENCODING,  # untranslatable_character
    "22021": _ENCODING,  # character_not_in_repertoire
    "22008": _DATE,  # datetime_field_overflow
    "22": _VALUE,  # data_exception
    "23": FailureClass(
        DataError, "Drop the constraint of the target that the source does not keep."
    ),
    "44": _REFUSED,  # with_check_option_violation
    "P0": _REFUSED,  # plpgsql_error: what a trigger raises
    "40": BUSY,  # transaction_rollback: serialization failure, deadlock
    "53400": FailureClass(  # configuration_limit_exceeded: temp_file_limit
        NotFoundError,
        "Raise temp_file_limit for this user: to find the rows that differ, a run sorts the "
        "changed periods of both sides in temporary files of about 1.3 times their size.",
    ),
    "54": FailureClass(  # program_limit_exceeded: most often a value too long for an index
        NotFoundError, "Drop the index that the message names, or do what it says."
    ),
    "53": FailureClass(
        TemporaryError, "The server is out of disk, memory or connections; make room."
    ),
    "57": NETWORK,  # operator_intervention: shutdown, cancelled
    "58": NETWORK,  # system_error
}

# libpq reports a refused connection as text alone, without its SQLSTATE. The first hit counts.
_CONNECTION_FAILURES = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "authentication failed": "28000",
    "pg_hba.conf": "28000",
    "is not permitted to log in": "28000",
    'role ".*" does not exist': "28000",
    'database ".*" does not exist': "3D000",
    "permission denied for database": "42501",
    "too many (clients|connections)": "53300",
    "remaining connection slots": "53300",
    "the database system is": "57P03",
}

# A TLS connection that was refused: not one that was cut, which also speaks of SSL.
_TLS_REFUSED = re.compile(
    r"certificate|does not support SSL|SSL error: (?!unexpected eof)|SSL (encryption|off)",
    re.IGNORECASE,
)

_SAID_BY_SERVER = re.compile(r"\w:  \S")

# Undefined table, column, function, schema.
_NOT_FOUND = {"42P01", "42703", "42883", "3F000"}

# Classes of SQLSTATE whose messages quote rows: data, integrity, what a trigger raises.
_QUOTES_ROWS = {"22", "23", "P0"}
_QUOTED_VALUE = re.compile(r'(?<=[:e]) "[^"]*"(?=$| is out of range)')
_COPIED_LINE = re.compile(r"(COPY [^\n]*?, line \d+(?:, column \w+)?): [^\n]*")


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raises the driver's errors as JobErrors; `doing` completes "could not ..."."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error):
            raise
        raise _translate(error.orig, doing) from error.orig
    except psycopg.Error as error:
        raise _translate(error, doing) from error


def _translate(error: psycopg.Error, doing: str) -> JobError:
    refused_in_words = _was_refused_after_the_password(error)
    # The stack trace in the log shows the driver's error too.
    error.args = (_without_values(error),)
    said = str(error).removesuffix(".")
    code = error.sqlstate or _sqlstate_of_connection_failure(said)
    failure = failure_class(code)
    if code in _NOT_FOUND and error.diag.context:
        failure = _TRIGGER_PATH  # No statement of ours: one of a function that it fired.
    if _TLS_REFUSED.search(said):
        failure = TLS
    message = f"PostgreSQL: could not {doing}: {said}."
    if failure is None and refused_in_words:
        failure = _LOGIN_REFUSED
    # The base class itself is libpq's word for an answer that is no PostgreSQL.
    if failure is None and (
        isinstance(error, psycopg.OperationalError) or type(error) is psycopg.DatabaseError
    ):
        failure = NETWORK
    return failure.make(message, code=code) if failure else JobError(message, code=code)


def _was_refused_after_the_password(error: psycopg.Error) -> bool:
    """Whether a server that had been sent the password said no, in a language that we do not know.

    libpq gives no SQLSTATE of a login, and the server speaks its own language until then. What the
    server says follows its severity, a colon and two blanks; what libpq says itself does not.
    """
    connection = error.pgconn
    sent_password = connection is not None and connection.used_password
    return bool(sent_password and _SAID_BY_SERVER.search(str(error)))


def failure_class(sqlstate: str | None) -> FailureClass | None:
    """The failure class of a SQLSTATE, or None where nothing is known of it."""
    sqlstate = sqlstate or ""
    return FAILURE_CLASSES.get(sqlstate) or FAILURE_CLASSES.get(sqlstate[:2])


def _sqlstate_of_connection_failure(text: str) -> str | None:
    found = (state for said, state in _CONNECTION_FAILURES.items() if re.search(said, text))
    return next(found, None)


def _without_values(error: psycopg.Error) -> str:
    """What the server said in one line, but not the row that it quotes."""
    said = error.diag
    if said.message_primary is None:
        return " ".join(str(error).split())
    parts = {"": said.message_primary, "HINT: ": said.message_hint, "CONTEXT: ": said.context}
    if (error.sqlstate or "")[:2] in _QUOTES_ROWS:
        parts[""] = _QUOTED_VALUE.sub("", said.message_primary)
    else:
        parts["DETAIL: "] = said.message_detail
    text = " ".join(f"{label}{part}" for label, part in parts.items() if part)
    return " ".join(_COPIED_LINE.sub(r"\1", text).split())
