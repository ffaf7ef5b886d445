"""Oracle's error codes, and how PostgreSQL's SQLSTATEs map to them."""

import re

import psycopg


class OraError(Exception):
    """An error that the client sees as `ORA-<code>: <message>`.

    `position` is where in the statement the error is, from 0, which is also what is not known.
    """

    def __init__(self, code: int, message: str | None = None) -> None:
        self.code = code
        self.position = 0
        self.message = message or MESSAGES.get(code, "error raised by the stand-in")
        super().__init__(f"ORA-{code:05d}: {self.message}")


MESSAGES = {
    28: "your session has been killed",
    54: "resource busy and acquire with NOWAIT specified or timeout expired",
    600: "internal error code",
    900: "invalid SQL statement",
    904: "invalid identifier",
    909: "invalid number of arguments",
    911: "invalid character",
    923: "FROM keyword not found where expected",
    933: "SQL command not properly ended",
    936: "missing expression",
    942: "table or view does not exist",
    980: "synonym translation is no longer valid",
    1001: "invalid cursor",
    1002: "fetch out of sequence",
    1008: "not all variables bound",
    1013: "user requested cancel of current operation",
    1017: "invalid username/password; logon denied",
    1031: "insufficient privileges",
    1403: "no data found",
    1426: "numeric overflow",
    1453: "SET TRANSACTION must be first statement of transaction",
    1456: "may not perform insert, delete, update operation inside a READ ONLY transaction",
    1466: "unable to read data - table definition has changed",
    1476: "divisor is equal to zero",
    1489: "result of string concatenation is too long",
    1555: 'snapshot too old: rollback segment number 7 with name "_SYSSMU7$" too small',
    1722: "invalid number",
    1821: "date format not recognized",
    1841: "(full) year must be between -4713 and +9999, and not be 0",
    3113: "end-of-file on communication channel",
    8103: "object no longer exists",
    12537: "TNS:connection closed",
    28000: "the account is locked",
    28001: "the password has expired",
}

# What PostgreSQL cannot do for the stand-in, and what it can not tell apart, is ORA-03001.
_UNIMPLEMENTED = 3001

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CODE_OF_SQLSTATE = {
    "0A000": (_UNIMPLEMENTED, None),
    "21000": (1427, "single-row subquery returns more than one row"),
    "22001": (12899, "value too large for column"),
    "22003": (1426, None),
    "22007": (1861, "literal does not match format string"),
    "22008": (1843, "not a valid month"),
    "22012": (1476, None),
    "22023": (_UNIMPLEMENTED, None),
    "22P02": (1722, None),
    "23502": (1400, "cannot insert NULL"),
    "23503": (2291, "integrity constraint violated - parent key not found"),
    "23505": (1, "unique constraint violated"),
    "23514": (2290, "check constraint violated"),
    "25006": (1456, None),
    "40001": (8177, "can't serialize access for this transaction"),
    "40P01": (60, "deadlock detected while waiting for resource"),
    "42501": (1031, None),
    "42601": (933, None),
    "42701": (957, "duplicate column name"),
    "42702": (918, "column ambiguously defined"),
    "42803": (979, "not a GROUP BY expression"),
    "42725": (_UNIMPLEMENTED, None),
    "42804": (932, "inconsistent datatypes"),
    "42P01": (942, None),
    "57014": (1013, None),
}


def position_of(name: str, sql: str) -> int:
    """Where a name first stands in a statement, from 0, which is also what is not known.

    >>> position_of("T", "select tt.a from T")
    17
    """
    found = re.search(rf"(?<![\w$#]){re.escape(name)}(?![\w$#])", sql, re.IGNORECASE)
    return found.start() if found else 0


def from_postgres(error: psycopg.Error) -> OraError:
    """The Oracle error that says what PostgreSQL's error says."""
    state = error.sqlstate or ""
    if state.startswith("O"):  # raised by schema.sql: O and four digits
        return OraError(int(state[1:]))
    text = error.diag.message_primary or str(error)
    if state == "42703" or "FROM-clause entry" in text:
        return OraError(904, f"{_identifier(text)}: invalid identifier")
    if state == "42883":
        dates = "timestamp" in text or "date" in text
        return OraError(932, f"inconsistent datatypes ({text})") if dates else OraError(1722)
    code, message = _CODE_OF_SQLSTATE.get(state, (600, f"internal error code ({state} {text})"))
    if code == _UNIMPLEMENTED:
        return OraError(code, f"unimplemented feature: {text}")
    return OraError(code, message)


def _identifier(text: str) -> str:
    found = re.search(r'(?:column|table) "?([^" ]+)"?', text)
    name = found[1] if found else "?"
    return ".".join(f'"{part.upper()}"' for part in name.split("."))
