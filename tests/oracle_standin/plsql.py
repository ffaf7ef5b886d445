"""The PL/SQL block that SQLAlchemy sends, and the statements that set the session."""

import re

_TRANSACTION_ID = re.compile(
    r"\s*begin\s+:\w+\s*:=\s*dbms_transaction\.local_transaction_id\s*(\(\s*true\s*\))?\s*;"
    r"\s*end\s*;\s*",
    re.IGNORECASE,
)
TRANSACTION_ID = b"7.12.4711"  # see the view v$transaction in schema.sql

_READ_ONLY = re.compile(r"\s*set\s+transaction\s+read\s+only\b.*", re.IGNORECASE | re.DOTALL)
_ENDS = re.compile(r"\s*(commit|rollback)(\s+work)?\s*;?\s*", re.IGNORECASE)
# These set what is the case anyway, or what no answer of the stand-in depends on.
_HARMLESS = re.compile(
    r"""\s*alter\s+session\s+set\s+(
        nls_numeric_characters\s*=\s*'\.,'
        | nls_(language|territory)\s*=\s*'?american?'?
        | nls_(sort|comp)\s*=\s*'?binary'?
        | time_zone\s*=\s*'(utc|\+00:00)'
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_SET_SCHEMA = re.compile(
    r"\s*alter\s+session\s+set\s+current_schema\s*=\s*\"?(\w+)\"?\s*", re.IGNORECASE
)


def asks_transaction_id(sql: str) -> bool:
    return _TRANSACTION_ID.fullmatch(sql) is not None


def begins_read_only(sql: str) -> bool:
    return _READ_ONLY.fullmatch(sql) is not None


def transaction_end(sql: str) -> str | None:
    """`commit`, `rollback` or nothing."""
    found = _ENDS.fullmatch(sql)
    return found[1].lower() if found else None


def changes_nothing(sql: str) -> bool:
    return _HARMLESS.fullmatch(sql) is not None


def new_schema(sql: str) -> str | None:
    found = _SET_SCHEMA.fullmatch(sql)
    return found[1].upper() if found else None
