"""Oracle's SQL to PostgreSQL's, by a whitelist: what has no rendering here is refused.

`translate` walks sqlglot's tree and renders each node it knows into text. Names become the
PostgreSQL relations that `resolve` finds, binds become literals.
"""

from collections.abc import Mapping

from sqlglot import exp

from oracle_standin.requests import BindValue
from oracle_standin.sql.changes import Changes
from oracle_standin.sql.conditions import Conditions
from oracle_standin.sql.naming import column_names
from oracle_standin.sql.queries import Queries
from oracle_standin.sql.renderer import refusal
from oracle_standin.sql.translation import Grouping, Relation, Resolve, Translation
from oracle_standin.sql.values import Values

__all__ = ["Grouping", "Relation", "Translation", "translate"]


class _Renderer(Queries, Changes, Conditions, Values):
    """Renders every kind of statement."""


def translate(
    statement: exp.Expr,
    resolve: Resolve,
    binds: Mapping[str, BindValue],
    context: Mapping[str, str],
) -> Translation:
    """`context` answers SYS_CONTEXT('userenv', key)."""
    if not isinstance(statement, (exp.Query, exp.Insert, exp.Update, exp.Delete)):
        raise refusal(statement)
    renderer = _Renderer(resolve, binds, context)
    sql = renderer.render(statement)
    names = column_names(statement) if isinstance(statement, exp.Query) else None
    grouping = renderer.grouping(statement) if renderer.is_stable else None
    return Translation(sql, names, renderer.relations, renderer.is_stable, grouping)
