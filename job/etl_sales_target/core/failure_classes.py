"""Which failure a database's code stands for: the one place that knows.

Sources: Oracle Database Error Messages, python-oracledb's "Troubleshooting", PostgreSQL's
appendix A "Error Codes". A code that no row names is temporary when it comes from a driver's own
connection handling, and a bug of ours or of the data otherwise.
"""

import re
from dataclasses import dataclass

from etl_sales_target.core.errors import (
    ConfigurationError,
    DataError,
    JobError,
    NotAllowedError,
    NotFoundError,
    TemporaryError,
)


@dataclass(frozen=True)
class FailureClass:
    """A row of the table: what a code means for the run, and what to do about it."""

    error: type[JobError]
    remedy: str


_NETWORK = FailureClass(
    TemporaryError, "Check that the database is up and reachable from here; try again."
)
_CONNECTION = FailureClass(
    ConfigurationError,
    "Correct host, service_name, sid, dsn and extras of the connection; a name of tnsnames.ora "
    "needs the folder of that file in the extra config_dir.",
)
_LOGIN = FailureClass(
    NotAllowedError, "Correct the user or password of the connection; do not retry."
)
_ACCOUNT = FailureClass(
    NotAllowedError, "Ask the DBA to unlock the account or to renew its password."
)
_SERVICE = FailureClass(
    TemporaryError, "Check the service name of the connection, and that the database is open."
)
_GRANT = FailureClass(NotAllowedError, "Ask the DBA for the privilege that is missing.")
_MISSING = FailureClass(
    NotFoundError, "Check the name in the setting, and that this user may see the object."
)
_UNDO = FailureClass(
    TemporaryError, "Oracle's undo no longer holds the snapshot; try again when it is calm."
)
_BUSY = FailureClass(TemporaryError, "The database is busy; try again.")
_CLIENT = FailureClass(
    NotFoundError,
    "Check ETL_ORACLE_CLIENT_DIR: libclntsh.so and libaio.so.1 must be there, readable and known "
    "to the loader (LD_LIBRARY_PATH or ldconfig); or set ETL_ORACLE_MODE=thin.",
)
_THICK = FailureClass(
    NotFoundError, "This server needs the Oracle client: set ETL_ORACLE_MODE=thick."
)
_TYPE = FailureClass(
    NotFoundError, "The columns must be NUMBER in Oracle and NUMERIC in PostgreSQL."
)
_TLS = FailureClass(
    NotAllowedError, "Check the certificate authority, the host name and the validity dates."
)
_VALUE = FailureClass(DataError, "The target's columns must be NUMERIC without precision.")

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

ORACLE: dict[str, FailureClass] = {
    "ORA-00942": _MISSING,  # table or view does not exist
    "ORA-00904": _MISSING,  # invalid identifier
    "ORA-00980": _MISSING,  # synonym translation is no longer valid
    "ORA-01775": _MISSING,  # looping chain of synonyms
    "ORA-04043": _MISSING,  # object does not exist
    "ORA-04063": _MISSING,  # view has errors
    "ORA-01722": _TYPE,  # invalid number
    "ORA-00932": _TYPE,  # inconsistent datatypes
    "ORA-01017": _LOGIN,  # invalid username/password
    "ORA-01005": _LOGIN,  # null password given
    "DPY-4001": _LOGIN,  # no credentials specified
    "ORA-28000": _ACCOUNT,  # the account is locked
    "ORA-28001": _ACCOUNT,  # the password has expired
    "ORA-01031": _GRANT,  # insufficient privileges
    "ORA-01045": _GRANT,  # lacks CREATE SESSION
    "ORA-01555": _UNDO,  # snapshot too old
    "ORA-01466": _UNDO,  # the table's definition changed after the snapshot
    "ORA-08103": _UNDO,  # object no longer exists: truncated after the snapshot
    "ORA-08177": _BUSY,  # can't serialize access
    "ORA-00054": _BUSY,  # resource busy
    "ORA-01652": _BUSY,  # unable to extend temp segment
    "ORA-02391": _BUSY,  # exceeded the user's simultaneous sessions
    "ORA-04031": _BUSY,  # unable to allocate shared memory
    "ORA-00018": _BUSY,  # maximum number of sessions exceeded
    "ORA-00020": _BUSY,  # maximum number of processes exceeded
    "ORA-12516": _BUSY,  # no handler with a matching protocol stack
    "ORA-12518": _BUSY,  # listener could not hand off the connection
    "ORA-12519": _BUSY,  # no appropriate service handler
    "ORA-12520": _BUSY,  # no handler of the requested type
    "ORA-00028": _NETWORK,  # your session has been killed
    "ORA-01012": _NETWORK,  # not logged on
    "ORA-01013": _BUSY,  # user requested cancel: a call timed out
    "ORA-01033": _NETWORK,  # initialization or shutdown in progress
    "ORA-01034": _NETWORK,  # not available
    "ORA-01089": _NETWORK,  # immediate shutdown in progress
    "ORA-02396": _NETWORK,  # exceeded maximum idle time
    "ORA-02399": _NETWORK,  # exceeded maximum connect time
    "ORA-03113": _NETWORK,  # end-of-file on communication channel
    "ORA-03114": _NETWORK,  # not connected
    "ORA-03135": _NETWORK,  # connection lost contact
    "ORA-12170": _NETWORK,  # connect timeout
    "ORA-12514": _SERVICE,  # service not known to the listener
    "ORA-12505": _SERVICE,  # SID not known to the listener
    "ORA-12526": _SERVICE,  # all instances are in restricted mode
    "ORA-12528": _SERVICE,  # all instances block new connections
    "ORA-12154": _CONNECTION,  # could not resolve the connect identifier
    "ORA-12504": _CONNECTION,  # listener was not given the SERVICE_NAME
    "ORA-12533": _CONNECTION,  # illegal ADDRESS parameters
    "ORA-12535": _NETWORK,  # operation timed out
    "ORA-12537": _NETWORK,  # connection closed
    "ORA-12541": _NETWORK,  # no listener
    "ORA-12543": _NETWORK,  # destination host unreachable
    "ORA-12545": _NETWORK,  # host or object does not exist
    "ORA-12547": _NETWORK,  # lost contact
    "ORA-12560": _NETWORK,  # protocol adapter error
    "ORA-12570": _NETWORK,  # packet reader failure
    "ORA-12609": _NETWORK,  # receive timeout
    "DPY-1001": _NETWORK,  # not connected to database
    "DPY-2018": _CONNECTION,  # wallet file was not found
    "DPY-2029": _CONNECTION,  # https_proxy requires tcps
    "DPY-2049": _CONNECTION,  # no addresses in the connect descriptor
    "DPY-3001": _THICK,  # native network encryption needs thick mode
    "DPY-3010": _THICK,  # server too old for thin mode
    "DPY-3012": _THICK,  # national character set not supported in thin mode
    "DPY-3015": _THICK,  # password verifier not supported in thin mode
    "DPY-3040": _THICK,  # character set not supported in thin mode
    "DPY-4000": _CONNECTION,  # name not found in tnsnames.ora
    "DPY-4017": _CONNECTION,  # invalid connect descriptor
    "DPY-4018": _CONNECTION,  # cannot parse connect string
    "DPY-4021": _CONNECTION,  # invalid protocol
    "DPY-4022": _CONNECTION,  # invalid value for enumeration: purity
    "DPY-4026": _CONNECTION,  # tnsnames.ora is missing or unreadable
    "DPY-4027": _CONNECTION,  # no configuration directory specified
    "DPY-4011": _NETWORK,  # the database or network closed the connection
    "DPY-4024": _NETWORK,  # call timeout
    "DPY-4033": _NETWORK,  # the database closed the connection: idle too long
    "DPY-4035": _NETWORK,  # invalid server response
    "DPY-6000": _NETWORK,  # listener refused the connection
    "DPY-6001": _SERVICE,  # service not registered with the listener
    "DPY-6003": _SERVICE,  # SID not registered with the listener
    "DPY-6002": _TLS,  # the server's certificate has another distinguished name
    "DPY-6004": _NETWORK,  # network proxy failed
    "DPY-6005": _NETWORK,  # cannot connect to database
    "DPY-6006": _TLS,  # the server's certificate has another name
    "DPY-6008": _TLS,  # database server verification failed
    "DPI-1047": _CLIENT,  # cannot load the Oracle client library
    "DPI-1050": _CLIENT,  # client library too old
    "DPI-1067": _NETWORK,  # call timeout
    "DPI-1072": _CLIENT,  # client library version not supported
    "DPI-1080": _NETWORK,  # connection was closed
}

# By whole SQLSTATE first, then by its class (the first two characters).
POSTGRES: dict[str, FailureClass] = {
    "42P01": _MISSING,  # undefined_table
    "42703": _MISSING,  # undefined_column
    "3F000": _MISSING,  # invalid_schema_name
    "3D000": _MISSING,  # invalid_catalog_name: the database does not exist
    "42501": _GRANT,  # insufficient_privilege
    "42804": _TYPE,  # datatype_mismatch
    "42883": _TYPE,  # undefined_function: a sum of a column that is no number
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
    "28": _LOGIN,  # invalid_authorization_specification
    "08": _NETWORK,  # connection_exception
    "22": _VALUE,  # data_exception
    "23": FailureClass(
        DataError, "Drop the constraint of the target that the source does not keep."
    ),
    "44": _REFUSED,  # with_check_option_violation
    "P0": _REFUSED,  # plpgsql_error: what a trigger raises
    "40": _BUSY,  # transaction_rollback: serialization failure, deadlock
    "53": FailureClass(
        TemporaryError, "The server is out of disk, memory or connections; make room."
    ),
    "57": _NETWORK,  # operator_intervention: shutdown, cancelled
    "58": _NETWORK,  # system_error
}

TLS = _TLS
UNREACHABLE = _NETWORK


def oracle(code: str | None) -> FailureClass | None:
    """The kind of an ORA-, DPY- or DPI- code, or None where nothing is known of it."""
    return ORACLE.get(code or "")


def postgres(sqlstate: str | None) -> FailureClass | None:
    """The kind of a SQLSTATE, or None where nothing is known of it."""
    sqlstate = sqlstate or ""
    return POSTGRES.get(sqlstate) or POSTGRES.get(sqlstate[:2])


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


def sqlstate_of_connection_failure(text: str) -> str | None:
    """The SQLSTATE that belongs to what libpq says of a connection that failed."""
    found = (state for said, state in _CONNECTION_FAILURES.items() if re.search(said, text))
    return next(found, None)
