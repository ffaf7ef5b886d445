"""Names as Oracle reads and writes them in a statement, and as PostgreSQL has them."""

from sqlglot import exp

from oracle_standin.dialect import StandinOracle
from oracle_standin.errors import OraError
from oracle_standin.names import quoted, swapped


def oracle_name(identifier: exp.Expr | None) -> str:
    """The name that Oracle's dictionary has for it: upper case unless quoted."""
    if not isinstance(identifier, exp.Identifier):
        raise OraError(900)
    return str(identifier.this) if identifier.args.get("quoted") else str(identifier.this).upper()


def column_names(query: exp.Expr) -> list[str] | None:
    """As Oracle names an answer's columns; None where a star leaves that to the table."""
    if isinstance(query, (exp.SetOperation, exp.Subquery)):
        return column_names(query.this)
    if not isinstance(query, exp.Select) or query.is_star:
        return None
    return [column_name(projection) for projection in query.selects]


def column_name(projection: exp.Expr) -> str:
    if isinstance(projection, exp.Alias):
        return oracle_name(projection.args["alias"])
    if isinstance(projection, exp.Column):
        return oracle_name(projection.this)
    return projection.sql(dialect=StandinOracle, comments=False).upper().replace(" ", "")


def pg_name(identifier: exp.Expr | None) -> str:
    return quoted(swapped(oracle_name(identifier)))


def identifier(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Column) else node
