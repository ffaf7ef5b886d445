"""Oracle's bind variables, and values as SQL literals."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from oracle_standin.errors import OraError
from oracle_standin.requests import BindValue

# What may hold a colon that is no bind comes first, so that it is passed over whole.
_TOKEN = re.compile(
    r"""(?P<passed>'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/)|:\s*(?P<name>\w+|"[^"]+")""",
    re.DOTALL,
)
_PREFIX = "bind_"


def number_binds(sql: str) -> tuple[str, list[str]]:
    """Rename the binds by their order of occurrence, since values come in that order.

    >>> number_binds("select :a, ':b' from t where x in (:1, :a)")
    ("select :bind_0, ':b' from t where x in (:bind_1, :bind_2)", ['a', '1', 'a'])
    """
    names: list[str] = []

    def rename(found: re.Match[str]) -> str:
        if found["passed"]:
            return found[0]
        names.append(found["name"])
        return f":{_PREFIX}{len(names) - 1}"

    return _TOKEN.sub(rename, sql), names


def values_by_name(values: Sequence[BindValue]) -> Mapping[str, BindValue]:
    return {f"{_PREFIX}{position}": value for position, value in enumerate(values)}


def literal(value: BindValue) -> str:
    """The value in PostgreSQL's SQL; a text stays untyped, so that it converts as in Oracle.

    >>> literal(Decimal("-1.5")), literal("it's"), literal("")
    ('(-1.5)::numeric', "'it''s'", 'NULL')
    """
    if value is None or value == "":
        return "NULL"
    if isinstance(value, Decimal):
        return f"({value:f})::numeric"
    if isinstance(value, str):
        if "\0" in value:
            raise OraError(1722, "a text with a zero byte is not understood")
        quoted = value.replace("'", "''")
        return f" E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in value else f"'{quoted}'"
    if isinstance(value, dt.datetime):
        return f"timestamp '{value.isoformat(sep=' ')}'"
    if isinstance(value, float):
        return f"'{value!r}'::float8"
    return f"'\\x{value.hex()}'::bytea"
