"""Oracle's SQL as sqlglot parses it, with every function call left as it was written.

sqlglot knows hundreds of functions and what other databases call them. The stand-in wants to know
just the ones that it has: so each call becomes `Anonymous`, its name and its arguments.
"""

import logging

from sqlglot import exp
from sqlglot.dialects.oracle import Oracle
from sqlglot.errors import SqlglotError

from oracle_standin.errors import OraError

# It warns of statements that it passes on unparsed; here those are refused.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


class _Parser(Oracle.Parser):  # type: ignore[misc,name-defined]
    FUNCTIONS: dict = {}
    FUNCTION_PARSERS = {"CAST": Oracle.Parser.FUNCTION_PARSERS["CAST"]}
    NO_PAREN_FUNCTION_PARSERS = {"CASE": Oracle.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]}


class StandinOracle(Oracle):
    """Oracle without sqlglot's functions."""

    Parser = _Parser


def parse(sql: str) -> exp.Expression:
    """One statement; comments and hints are dropped.

    >>> parse("select nvl(a, 0) from t").find(exp.Anonymous).name
    'nvl'
    """
    try:
        statements = StandinOracle().parse(sql.strip().removesuffix(";"))
    except (SqlglotError, ValueError, RecursionError) as error:
        raise OraError(900, f"invalid SQL statement ({_first_line(error)})") from None
    if len(statements) != 1 or statements[0] is None:
        raise OraError(933, "SQL command not properly ended")
    return statements[0]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
