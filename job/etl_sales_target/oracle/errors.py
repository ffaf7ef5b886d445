"""Oracle's errors by the job's names: the one place that knows ORA-, DPY- and DPI- codes.

Sources: Oracle Database Error Messages, and python-oracledb's "Troubleshooting". A code that no row
names is temporary where the driver raises it as an OperationalError, and a bug otherwise.
"""

import contextlib
import re
from collections.abc import Iterator

import oracledb

from etl_sales_target.core.errors import (
    ConfigurationError,
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

_CODE = re.compile(r"\b(?:ORA|DPY|DPI)-\d{4,5}\b")
# The driver ends its messages with an address that leads to no more than the code says.
_HELP = re.compile(r"\s*Help: https://\S+")

_CONNECTION = FailureClass(
    ConfigurationError,
    "Correct host, service_name, sid, dsn and extras of the connection; a name of tnsnames.ora "
    "needs the folder of that file in the extra config_dir.",
)
_ACCOUNT = FailureClass(
    NotAllowedError, "Ask the DBA to unlock the account or to renew its password."
)
_SERVICE = FailureClass(
    TemporaryError, "Check the service name of the connection, and that the database is open."
)
_UNDO = FailureClass(
    TemporaryError, "Oracle's undo no longer holds the snapshot; try again when it is calm."
)
_ROW = FailureClass(
    DataError,
    "An expression in the source, such as one of a view, fails for one of its rows: correct the "
    "row or the view.",
)
_CLIENT = FailureClass(
    NotFoundError,
    "Check ETL_ORACLE_CLIENT_DIR: libclntsh.so and libaio.so.1 must be there, readable and known "
    "to the loader (LD_LIBRARY_PATH or ldconfig); or set ETL_ORACLE_MODE=thin.",
)
_THICK = FailureClass(
    NotFoundError, "This server needs the Oracle client: set ETL_ORACLE_MODE=thick."
)

FAILURE_CLASSES: dict[str, FailureClass] = {
    "ORA-00942": MISSING,  # table or view does not exist
    "ORA-00904": MISSING,  # invalid identifier
    "ORA-00980": MISSING,  # synonym translation is no longer valid
    "ORA-01775": MISSING,  # looping chain of synonyms
    "ORA-04043": MISSING,  # object does not exist
    "ORA-04063": MISSING,  # view has errors
    "ORA-00932": TYPE,  # inconsistent datatypes
    "ORA-01426": _ROW,  # numeric overflow
    "ORA-01427": _ROW,  # single-row subquery returns more than one row
    "ORA-01476": _ROW,  # divisor is equal to zero
    "ORA-01489": _ROW,  # result of string concatenation is too long
    "ORA-01722": _ROW,  # invalid number
    "ORA-01839": _ROW,  # date not valid for month specified
    "ORA-01841": _ROW,  # year out of range
    "ORA-01843": _ROW,  # not a valid month
    "ORA-01847": _ROW,  # day of month out of range
    "ORA-01858": _ROW,  # a non-numeric character where a numeric was expected
    "ORA-01861": _ROW,  # literal does not match format string
    "ORA-06502": _ROW,  # PL/SQL: numeric or value error
    "ORA-01017": LOGIN,  # invalid username/password
    "ORA-01005": LOGIN,  # null password given
    "DPY-4001": LOGIN,  # no credentials specified
    "ORA-28000": _ACCOUNT,  # the account is locked
    "ORA-28001": _ACCOUNT,  # the password has expired
    "ORA-01031": GRANT,  # insufficient privileges
    "ORA-01045": GRANT,  # lacks CREATE SESSION
    "ORA-01555": _UNDO,  # snapshot too old
    "ORA-01466": _UNDO,  # the table's definition changed after the snapshot
    "ORA-08103": _UNDO,  # object no longer exists: truncated after the snapshot
    "ORA-08177": BUSY,  # can't serialize access
    "ORA-00054": BUSY,  # resource busy
    "ORA-01652": BUSY,  # unable to extend temp segment
    "ORA-02391": BUSY,  # exceeded the user's simultaneous sessions
    "ORA-04031": BUSY,  # unable to allocate shared memory
    "ORA-00018": BUSY,  # maximum number of sessions exceeded
    "ORA-00020": BUSY,  # maximum number of processes exceeded
    "ORA-12516": BUSY,  # no handler with a matching protocol stack
    "ORA-12518": BUSY,  # listener could not hand off the connection
    "ORA-12519": BUSY,  # no appropriate service handler
    "ORA-12520": BUSY,  # no handler of the requested type
    "ORA-00028": NETWORK,  # your session has been killed
    "ORA-01012": NETWORK,  # not logged on
    "ORA-01013": BUSY,  # user requested cancel: a call timed out
    "ORA-01033": NETWORK,  # initialization or shutdown in progress
    "ORA-01034": NETWORK,  # not available
    "ORA-01089": NETWORK,  # immediate shutdown in progress
    "ORA-02396": NETWORK,  # exceeded maximum idle time
    "ORA-02399": NETWORK,  # exceeded maximum connect time
    "ORA-03113": NETWORK,  # end-of-file on communication channel
    "ORA-03114": NETWORK,  # not connected
    "ORA-03135": NETWORK,  # connection lost contact
    "ORA-12170": NETWORK,  # connect timeout
    "ORA-12514": _SERVICE,  # service not known to the listener
    "ORA-12505": _SERVICE,  # SID not known to the listener
    "ORA-12526": _SERVICE,  # all instances are in restricted mode
    "ORA-12528": _SERVICE,  # all instances block new connections
    "ORA-12154": _CONNECTION,  # could not resolve the connect identifier
    "ORA-12504": _CONNECTION,  # listener was not given the SERVICE_NAME
    "ORA-12533": _CONNECTION,  # illegal ADDRESS parameters
    "ORA-12535": NETWORK,  # operation timed out
    "ORA-12537": NETWORK,  # connection closed
    "ORA-12541": NETWORK,  # no listener
    "ORA-12543": NETWORK,  # destination host unreachable
    "ORA-12545": NETWORK,  # host or object does not exist
    "ORA-12547": NETWORK,  # lost contact
    "ORA-12560": NETWORK,  # protocol adapter error
    "ORA-12570": NETWORK,  # packet reader failure
    "ORA-12609": NETWORK,  # receive timeout
    "DPY-1001": NETWORK,  # not connected to database
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
    "DPY-4011": NETWORK,  # the database or network closed the connection
    "DPY-4024": NETWORK,  # call timeout
    "DPY-4033": NETWORK,  # the database closed the connection: idle too long
    "DPY-4035": NETWORK,  # invalid server response
    "DPY-6000": NETWORK,  # listener refused the connection
    "DPY-6001": _SERVICE,  # service not registered with the listener
    "DPY-6003": _SERVICE,  # SID not registered with the listener
    "DPY-6002": TLS,  # the server's certificate has another distinguished name
    "DPY-6004": NETWORK,  # network proxy failed
    "DPY-6005": NETWORK,  # cannot connect to database
    "DPY-6006": TLS,  # the server's certificate has another name
    "DPY-6008": TLS,  # database server verification failed
    "DPI-1047": _CLIENT,  # cannot load the Oracle client library
    "DPI-1050": _CLIENT,  # client library too old
    "DPI-1067": NETWORK,  # call timeout
    "DPI-1072": _CLIENT,  # client library version not supported
    "DPI-1080": NETWORK,  # connection was closed
}


# What a function of a view raises with RAISE_APPLICATION_ERROR.
_OF_APPLICATIONS = re.compile(r"ORA-20\d{3}")


def failure_class(code: str) -> FailureClass | None:
    """The failure class of a code; None if the code is unknown."""
    return _ROW if _OF_APPLICATIONS.fullmatch(code) else FAILURE_CLASSES.get(code)


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raises the driver's errors as JobErrors; `doing` completes "could not ..."."""
    try:
        yield
    except oracledb.Error as error:
        raise _translate(error, doing) from error
    except OSError as error:  # The driver lets some of its socket's errors pass as they are.
        message = f"Oracle: could not {doing}: {error}."
        raise NETWORK.make(message, code=None) from error
    except MemoryError as error:
        raise TemporaryError(
            f"Oracle: could not {doing}: out of memory.",
            remedy="Lower ETL_BATCH_ROWS, or give the job more memory.",
        ) from error


def _translate(error: oracledb.Error, doing: str) -> JobError:
    text = " ".join(_HELP.sub("", str(error)).split()).removesuffix(".")
    codes = _CODE.findall(text)
    # The last known code is the cause: the driver and Oracle both print the outermost first.
    code = next((code for code in reversed(codes) if failure_class(code)), None)
    failure = failure_class(code or "")
    if "certificate" in text.lower():
        failure = TLS
    message = f"Oracle: could not {doing}: {text}."
    code = code or next(iter(codes), None)
    if failure is None:
        temporary = isinstance(error, oracledb.OperationalError)
        return (TemporaryError if temporary else JobError)(message, code=code)
    return failure.make(message, code=code)
