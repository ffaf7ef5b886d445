"""The walk through sqlglot's tree: from a node to the method that renders its kind."""

import datetime
from collections.abc import Callable, Collection, Mapping

from sqlglot import exp

from oracle_standin.errors import OraError
from oracle_standin.names import swapped
from oracle_standin.requests import BindValue
from oracle_standin.sql.naming import oracle_name
from oracle_standin.sql.translation import Relation, Resolve


def refusal(node: exp.Expr, detail: str = "") -> OraError:
    what = detail or type(node).__name__
    return OraError(3001, f"unimplemented feature: the stand-in does not understand {what}")


_BINARY: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
    exp.And: "AND", exp.Or: "OR", exp.Add: "+", exp.Sub: "-", exp.Mul: "*",
}  # fmt: skip


class Renderer:
    """A method `_<kind>` renders the nodes of a kind; subclasses have those methods.

    `relations` are the tables met so far, `is_stable` whether an answer depends on them alone.
    """

    def __init__(
        self, resolve: Resolve, binds: Mapping[str, BindValue], context: Mapping[str, str]
    ) -> None:
        self.resolve = resolve
        self.binds = binds
        self.context = context
        self.with_names: set[str] = set()
        self.relations: set[Relation] = set()
        self.aliases: dict[str, Relation] = {}
        self.is_stable = True
        self.moment = datetime.datetime.now(datetime.UTC)

    def render(self, node: exp.Expr) -> str:
        kind = type(node)
        if operator := _BINARY.get(kind):
            return f"({self.render(node.this)} {operator} {self.render(node.expression)})"
        method = getattr(self, f"_{kind.__name__.lower()}", None)
        if method is None:
            raise refusal(node)
        return str(method(node))

    def render_all(self, nodes: list[exp.Expr]) -> str:
        return ", ".join(self.render(node) for node in nodes)

    def accept_only(self, node: exp.Expr, *known: str) -> None:
        """Refuse a node that says more than its rendering would."""
        for key, value in node.args.items():
            if value and key not in known:
                raise refusal(node, f"{type(node).__name__} with {key.strip('_')}")

    def is_char(self, node: exp.Expr) -> bool:
        """Whether it is a column of the type CHAR or NCHAR, as far as its name tells."""
        return self._is_one_of(node, lambda relation: relation.chars)

    def is_date(self, node: exp.Expr) -> bool:
        """Whether it is a column of the type DATE, as far as its name tells."""
        return self._is_one_of(node, lambda relation: relation.dates)

    def _is_one_of(self, node: exp.Expr, columns: Callable[[Relation], Collection[str]]) -> bool:
        column = node.unnest()
        if not isinstance(column, exp.Column) or isinstance(column.this, exp.Star):
            return False
        name = swapped(oracle_name(column.this))
        qualifier = column.args.get("table")
        named = self.aliases.get(oracle_name(qualifier)) if qualifier else None
        return any(name in columns(one) for one in ([named] if named else self.relations))
