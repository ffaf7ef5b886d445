"""Conditions, and the operators among values."""

from sqlglot import exp

from oracle_standin import functions
from oracle_standin.sql.renderer import Renderer, refusal


class Conditions(Renderer):
    """Renders what may stand behind WHERE."""

    def _paren(self, node: exp.Paren) -> str:
        return f"({self.render(node.this)})"

    def _not(self, node: exp.Not) -> str:
        return f"(NOT {self.render(node.this)})"

    def _neg(self, node: exp.Neg) -> str:
        return f"(- {self.render(node.this)})"

    def _div(self, node: exp.Div) -> str:
        return functions.divide([self.render(node.this), self.render(node.expression)])

    def _is(self, node: exp.Is) -> str:
        if not isinstance(node.expression, exp.Null):
            raise refusal(node, "IS with anything but NULL")
        return f"({self.render(node.this)} IS NULL)"

    def _in(self, node: exp.In) -> str:
        self.accept_only(node, "this", "expressions", "query")
        query = node.args.get("query")
        inner = self.render(query) if query else f"({self.render_all(node.expressions)})"
        return f"({self.render(node.this)} IN {inner})"

    def _between(self, node: exp.Between) -> str:
        self.accept_only(node, "this", "low", "high")
        low, high = self.render(node.args["low"]), self.render(node.args["high"])
        return f"({self.render(node.this)} BETWEEN {low} AND {high})"

    def _like(self, node: exp.Like, escape: str = "''") -> str:
        self.accept_only(node, "this", "expression", "negate")
        operator = "NOT LIKE" if node.args.get("negate") else "LIKE"
        text, pattern = self.render(node.this), self.render(node.expression)
        return f"({text} {operator} {pattern} ESCAPE {escape})"

    def _escape(self, node: exp.Escape) -> str:
        if not isinstance(node.this, exp.Like):
            raise refusal(node)
        return self._like(node.this, self.render(node.expression))

    def _exists(self, node: exp.Exists) -> str:
        return f"EXISTS ({self.render(node.this)})"

    def _tuple(self, node: exp.Tuple) -> str:
        return f"({self.render_all(node.expressions)})"
