"""Columns, literals, binds, and calls of functions."""

from sqlglot import exp

from oracle_standin import functions
from oracle_standin.binds import literal
from oracle_standin.errors import OraError
from oracle_standin.sql.naming import oracle_name, pg_name
from oracle_standin.sql.renderer import Renderer, refusal

_TYPES = {"VARCHAR": "text", "VARCHAR2": "text", "DATE": "timestamp(0)", "TIMESTAMP": "timestamp"}


class Values(Renderer):
    """Renders what has a value."""

    def _column(self, node: exp.Column) -> str:
        self.accept_only(node, "this", "table", "db")
        if isinstance(node.this, exp.Star):
            return f"{pg_name(node.args['table'])}.*"
        if node.args.get("table"):
            return f"{pg_name(node.args['table'])}.{pg_name(node.this)}"
        return self._pseudocolumn(oracle_name(node.this)) or pg_name(node.this)

    def _pseudocolumn(self, name: str) -> str | None:
        if name in ("ROWNUM", "ROWID", "LEVEL", "ORA_ROWSCN"):
            raise OraError(3001, f"unimplemented feature: {name}")
        if name == "USER":
            return literal(self.context.get("session_user"))
        if name in ("SYSDATE", "CURRENT_DATE"):
            return f"{self._now('seconds')}::timestamp(0)"
        if name in ("SYSTIMESTAMP", "CURRENT_TIMESTAMP"):
            return f"{self._now('microseconds')}::timestamptz"
        return None

    def _now(self, precision: str) -> str:
        """The same moment wherever one statement asks for it."""
        self.is_stable = False
        return literal(self.moment.isoformat(" ", precision))

    def _systimestamp(self, _: exp.Expr) -> str:
        return str(self._pseudocolumn("SYSTIMESTAMP"))

    _currenttimestamp = _systimestamp

    def _currentdate(self, _: exp.Expr) -> str:
        return str(self._pseudocolumn("SYSDATE"))

    def _star(self, node: exp.Star) -> str:
        self.accept_only(node)
        return "*"

    def _literal(self, node: exp.Literal) -> str:
        if node.is_string:
            return literal(str(node.this))
        return f"{node.this}::numeric"

    def _null(self, _: exp.Null) -> str:
        return "NULL"

    def _placeholder(self, node: exp.Placeholder) -> str:
        if node.name not in self.binds:
            raise OraError(1008)
        return literal(self.binds[node.name])

    def _dpipe(self, node: exp.DPipe) -> str:
        return functions.concat([self.render(part) for part in node.flatten()])

    def _case(self, node: exp.Case) -> str:
        self.accept_only(node, "this", "ifs", "default")
        given = f" {self.render(node.this)}" if node.this else ""
        branches = "".join(
            f" WHEN {self.render(one.this)} THEN {self._whole(one.args['true'])}"
            for one in node.args["ifs"]
        )
        default = node.args.get("default")
        return f"CASE{given}{branches}{f' ELSE {self._whole(default)}' if default else ''} END"

    def _cast(self, node: exp.Cast) -> str:
        self.accept_only(node, "this", "to", "_type")
        kind = node.args["to"]
        name = str(getattr(kind.this, "name", kind.this))
        sizes = [parameter.this.name for parameter in kind.expressions]
        if name in ("DECIMAL", "NUMERIC", "NUMBER") and len(sizes) in (0, 1, 2):
            size = f"({', '.join(sizes)})" if sizes else ""
            return f"({self.render(node.this)})::numeric{size}"
        if name in ("INT", "INTEGER", "SMALLINT"):
            return f"({self.render(node.this)})::numeric(38)"
        if name.startswith("VARCHAR"):
            text = f"{functions.SCHEMA}.to_char({self.render(node.this)})"
            return f"left({text}, {sizes[0]})" if sizes else text
        if name in _TYPES and not sizes:
            return f"({self.render(node.this)})::{_TYPES[name]}"
        raise refusal(node, f"CAST to {name}")

    def _extract(self, node: exp.Extract) -> str:
        self.accept_only(node, "this", "expression")
        return functions.extract(node.this.name.upper(), self.render(node.expression))

    def _datestrtodate(self, node: exp.Expr) -> str:
        """A literal such as DATE '2024-01-31'."""
        return f"({self.render(node.this)})::timestamp(0)"

    def _anonymous(self, node: exp.Anonymous) -> str:
        name = str(node.this).upper()
        if name == "SYS_CONTEXT":
            return self._sys_context(node)
        if name == "SYS_EXTRACT_UTC":
            return f"({self.render_all(node.expressions)} AT TIME ZONE 'UTC')"
        if name in functions.AGGREGATES:
            return self._aggregate(name, node)
        if name == "TO_CHAR" and _has_fraction(node) and self.is_date(node.expressions[0]):
            raise OraError(1821)
        render = self._whole if name in functions.MIXING else self.render
        arguments = [render(argument) for argument in node.expressions]
        return functions.call(name, arguments, node.expressions)

    def _whole(self, node: exp.Expr) -> str:
        """A CHAR with its blanks, even where PostgreSQL would make a text of it."""
        rendered = self.render(node)
        return functions.text(rendered) if self.is_char(node) else rendered

    def _aggregate(self, name: str, node: exp.Anonymous) -> str:
        (argument,) = node.expressions if len(node.expressions) == 1 else (None,)
        if argument is None or (isinstance(argument, exp.Star) and name != "COUNT"):
            raise OraError(909)
        if isinstance(argument, exp.Distinct):
            self.accept_only(argument, "expressions")
            if len(argument.expressions) != 1:
                raise OraError(909)
            return functions.aggregate(name, f"DISTINCT {self.render(argument.expressions[0])}")
        return functions.aggregate(name, self.render(argument))

    def _sys_context(self, node: exp.Anonymous) -> str:
        namespace, key, *_ = [one.name.lower() for one in node.expressions] + ["", ""]
        if namespace != "userenv" or key not in self.context:
            raise OraError(2003, "invalid USERENV parameter")
        return literal(self.context[key])


def _has_fraction(node: exp.Anonymous) -> bool:
    """Whether the template has the digits of a second's fraction, which a DATE has none of."""
    return any("FF" in one.name.upper() for one in node.expressions[1:2])
