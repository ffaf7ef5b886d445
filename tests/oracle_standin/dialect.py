"""Oracle's SQL as sqlglot parses it, with every function call left as it was written.

sqlglot knows hundreds of functions and what other databases call them. The stand-in wants to know
just the ones that it has: so each call becomes `Anonymous`, its name and its arguments. sqlglot
also reads much that Oracle does not; what would be answered is refused here.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.oracle import Oracle
from sqlglot.errors import SqlglotError

from oracle_standin.errors import OraError

# It warns of statements that it passes on unparsed; here those are refused.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

Parsers = Mapping[str, Callable[..., Any]]


class _Parser(Oracle.Parser):  # type: ignore[misc,valid-type]
    FUNCTIONS: ClassVar[Parsers] = {}
    FUNCTION_PARSERS: ClassVar[Parsers] = {
        name: Oracle.Parser.FUNCTION_PARSERS[name] for name in ("CAST", "EXTRACT")
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar[Parsers] = {
        "CASE": Oracle.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]
    }

    def _parse_table_alias(
        self, alias_tokens: Collection[TokenType] | None = None
    ) -> exp.TableAlias | None:
        if self._curr and self._curr.token_type == TokenType.ALIAS:
            raise OraError(933)  # Oracle has no AS before a table's alias
        alias: exp.TableAlias | None = super()._parse_table_alias(alias_tokens)
        return alias


class StandinOracle(Oracle):
    """Oracle without sqlglot's functions."""

    Parser = _Parser


def parse(sql: str, *, knows_except: bool = False) -> exp.Expr:
    """One statement; comments and hints are dropped. EXCEPT is MINUS from Oracle 21c on.

    >>> parse("select nvl(a, 0) from t").find(exp.Anonymous).name
    'nvl'
    """
    text = sql.strip().removesuffix(";")
    dialect = StandinOracle()
    try:
        tokens = dialect.tokenize(text)
        _refuse_foreign(tokens, knows_except=knows_except)
        statements = dialect.parser().parse(tokens, text)
    except (SqlglotError, ValueError, RecursionError) as error:
        raise OraError(900, f"invalid SQL statement ({_first_line(error)})") from None
    if len(statements) != 1 or statements[0] is None:
        raise OraError(933)
    return statements[0]


def _refuse_foreign(tokens: Sequence[Token], *, knows_except: bool) -> None:
    """Refuse what other databases read and Oracle does not, or reads differently."""
    for token, after in pairwise(tokens):
        kinds = token.token_type, after.token_type
        if token.token_type == TokenType.DCOLON:  # a::number
            raise OraError(911)
        if token.text == "==" or kinds == (TokenType.COMMA, TokenType.FROM):
            raise OraError(936)
        if token.text.upper() == "EXCEPT" and not knows_except:
            raise OraError(933)
        # 1d and 1f are BINARY_DOUBLE and BINARY_FLOAT, not the number 1 with an alias.
        if kinds == (TokenType.NUMBER, TokenType.VAR) and after.start == token.end + 1:
            raise OraError(3001, f"unimplemented feature: {token.text}{after.text}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
