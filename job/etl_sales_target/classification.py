"""Which failure a database's code stands for: the one place that knows.

Sources: Oracle Database Error Messages, python-oracledb's "Troubleshooting", PostgreSQL's
appendix A "Error Codes". A code that no row names is temporary when it comes from a driver's own
connection handling, and a bug of ours or of the data otherwise.
"""

from dataclasses import dataclass

from etl_sales_target.errors import (
    DataError,
    JobError,
    NotAllowedError,
    NotFoundError,
    TemporaryError,
)


@dataclass(frozen=True)
class Kind:
    """A row of the table: what a code means for the run, and what to do about it."""

    error: type[JobError]
    remedy: str


_NETWORK = Kind(TemporaryError, "Check that the database is up and reachable from here; try again.")
_LOGIN = Kind(NotAllowedError, "Correct the user or password of the connection; do not retry.")
_ACCOUNT = Kind(NotAllowedError, "Ask the DBA to unlock the account or to renew its password.")
_SERVICE = Kind(
    TemporaryError, "Check the service name of the connection, and that the database is open."
)
_GRANT = Kind(NotAllowedError, "Ask the DBA for the privilege that is missing.")
_MISSING = Kind(
    NotFoundError, "Check the name in the setting, and that this user may see the object."
)
_UNDO = Kind(
    TemporaryError, "Oracle's undo no longer holds the snapshot; try again when it is calm."
)
_BUSY = Kind(TemporaryError, "The database is busy; try again.")
_CLIENT = Kind(
    NotFoundError,
    "Check ETL_ORACLE_CLIENT_DIR: libclntsh.so and libaio.so.1 must be there, readable and known "
    "to the loader (LD_LIBRARY_PATH or ldconfig); or set ETL_ORACLE_MODE=thin.",
)
_THICK = Kind(NotFoundError, "This server needs the Oracle client: set ETL_ORACLE_MODE=thick.")
_TYPE = Kind(NotFoundError, "The columns must be NUMBER in Oracle and NUMERIC in PostgreSQL.")
_TLS = Kind(
    NotAllowedError, "Check the certificate authority, the host name and the validity dates."
)
_VALUE = Kind(DataError, "The target's columns must be NUMERIC without precision.")

ORACLE: dict[str, Kind] = {
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
    "ORA-28000": _ACCOUNT,  # the account is locked
    "ORA-28001": _ACCOUNT,  # the password has expired
    "ORA-01031": _GRANT,  # insufficient privileges
    "ORA-01045": _GRANT,  # lacks CREATE SESSION
    "ORA-01555": _UNDO,  # snapshot too old
    "ORA-08177": _BUSY,  # can't serialize access
    "ORA-00018": _BUSY,  # maximum number of sessions exceeded
    "ORA-00020": _BUSY,  # maximum number of processes exceeded
    "ORA-12516": _BUSY,  # no handler with a matching protocol stack
    "ORA-12519": _BUSY,  # no appropriate service handler
    "ORA-12520": _BUSY,  # no handler of the requested type
    "ORA-00028": _NETWORK,  # your session has been killed
    "ORA-01012": _NETWORK,  # not logged on
    "ORA-01013": _BUSY,  # user requested cancel: a call timed out
    "ORA-01033": _NETWORK,  # initialization or shutdown in progress
    "ORA-01034": _NETWORK,  # not available
    "ORA-01089": _NETWORK,  # immediate shutdown in progress
    "ORA-02396": _NETWORK,  # exceeded maximum idle time
    "ORA-03113": _NETWORK,  # end-of-file on communication channel
    "ORA-03114": _NETWORK,  # not connected
    "ORA-03135": _NETWORK,  # connection lost contact
    "ORA-12170": _NETWORK,  # connect timeout
    "ORA-12514": _SERVICE,  # service not known to the listener
    "ORA-12505": _SERVICE,  # SID not known to the listener
    "ORA-12528": _SERVICE,  # all instances block new connections
    "ORA-12537": _NETWORK,  # connection closed
    "ORA-12541": _NETWORK,  # no listener
    "ORA-12543": _NETWORK,  # destination host unreachable
    "ORA-12545": _NETWORK,  # host or object does not exist
    "ORA-12547": _NETWORK,  # lost contact
    "ORA-12570": _NETWORK,  # packet reader failure
    "DPY-1001": _NETWORK,  # not connected to database
    "DPY-3001": _THICK,  # native network encryption needs thick mode
    "DPY-3010": _THICK,  # server too old for thin mode
    "DPY-3015": _THICK,  # password verifier not supported in thin mode
    "DPY-4011": _NETWORK,  # the database or network closed the connection
    "DPY-4024": _NETWORK,  # call timeout
    "DPY-6000": _NETWORK,  # listener refused the connection
    "DPY-6001": _SERVICE,  # service not registered with the listener
    "DPY-6003": _SERVICE,  # SID not registered with the listener
    "DPY-6005": _NETWORK,  # cannot connect to database
    "DPI-1047": _CLIENT,  # cannot load the Oracle client library
    "DPI-1050": _CLIENT,  # client library too old
    "DPI-1067": _NETWORK,  # call timeout
    "DPI-1072": _CLIENT,  # client library version not supported
    "DPI-1080": _NETWORK,  # connection was closed
}

# By whole SQLSTATE first, then by its class (the first two characters).
POSTGRES: dict[str, Kind] = {
    "42P01": _MISSING,  # undefined_table
    "42703": _MISSING,  # undefined_column
    "3F000": _MISSING,  # invalid_schema_name
    "3D000": _MISSING,  # invalid_catalog_name: the database does not exist
    "42501": _GRANT,  # insufficient_privilege
    "42804": _TYPE,  # datatype_mismatch
    "42883": _TYPE,  # undefined_function: a sum of a column that is no number
    "25006": Kind(TemporaryError, "This server is read-only, perhaps a standby: check the host."),
    "28": _LOGIN,  # invalid_authorization_specification
    "08": _NETWORK,  # connection_exception
    "22": _VALUE,  # data_exception
    "23": Kind(DataError, "Drop the constraint of the target that the source does not keep."),
    "40": _BUSY,  # transaction_rollback: serialization failure, deadlock
    "53": Kind(TemporaryError, "The server is out of disk, memory or connections; make room."),
    "55": Kind(TemporaryError, "Another session holds the target's lock; try again when it ended."),
    "57": _NETWORK,  # operator_intervention: shutdown, cancelled
    "58": _NETWORK,  # system_error
}

TLS = _TLS
UNREACHABLE = _NETWORK


def oracle(code: str | None) -> Kind | None:
    """The kind of an ORA-, DPY- or DPI- code, or None where nothing is known of it."""
    return ORACLE.get(code or "")


def postgres(sqlstate: str | None) -> Kind | None:
    """The kind of a SQLSTATE, or None where nothing is known of it."""
    sqlstate = sqlstate or ""
    return POSTGRES.get(sqlstate) or POSTGRES.get(sqlstate[:2])


# libpq reports a refused connection as text alone, without its SQLSTATE.
_CONNECTION_FAILURES = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "no pg_hba.conf entry": "28000",
    "is not permitted to log in": "28000",
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "the database system is": "57P03",
    "FATAL: role": "28000",
    "FATAL: database": "3D000",
}


def sqlstate_of_connection_failure(text: str) -> str | None:
    """The SQLSTATE that belongs to what libpq says of a connection that failed."""
    return next((state for said, state in _CONNECTION_FAILURES.items() if said in text), None)
