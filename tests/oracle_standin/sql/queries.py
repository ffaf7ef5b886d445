"""SELECT, set operations and WITH; what they are made of, and how many rows they give."""

from sqlglot import exp

from oracle_standin import functions
from oracle_standin.errors import OraError
from oracle_standin.names import quoted, swapped
from oracle_standin.sql.naming import column_name, identifier, oracle_name, pg_name
from oracle_standin.sql.renderer import Renderer, refusal
from oracle_standin.sql.translation import Grouping

_SET_OPERATIONS: dict[type[exp.Expr], str] = {
    exp.Union: "UNION",
    exp.Except: "EXCEPT",
    exp.Intersect: "INTERSECT",
}
_SELECT_PARTS = {
    "with_", "hint", "distinct", "expressions", "from_", "joins", "where", "group", "having",
    "order", "limit", "offset", "kind", "operation_modifiers",
}  # fmt: skip
_GROUPING_PARTS = {"expressions", "from_", "where", "group"}


class Queries(Renderer):
    """Renders queries."""

    def _select(self, node: exp.Select) -> str:
        self.accept_only(node, *_SELECT_PARTS)
        parts = [self._with(node), "SELECT", self._distinct_of(node)]
        source = node.args.get("from_")
        if source is None:
            raise OraError(923)
        if len(node.expressions) > 1 and any(isinstance(p, exp.Star) for p in node.expressions):
            raise OraError(923)
        _check_group_keys(node)
        relations = self.render(source) + "".join(map(self.render, node.args.get("joins") or []))
        parts += [", ".join(map(self._projection, node.expressions)), relations]
        conditions, most = self._split_rownum(node)
        if conditions:
            parts.append("WHERE " + " AND ".join(map(self.render, conditions)))
        parts += [self.render(node.args[key]) for key in ("group", "having") if node.args.get(key)]
        return self._tail(node, parts, most)

    def grouping(self, node: exp.Expr) -> Grouping | None:
        """The query in pieces, where it is nothing but SELECT, FROM a table, WHERE and GROUP BY."""
        if not isinstance(node, exp.Select):
            return None
        parts = {key for key, value in node.args.items() if value} - {"hint"}
        plain = {"expressions", "from_", "group"} <= parts <= _GROUPING_PARTS
        if not plain or not isinstance(node.args["from_"].this, exp.Table):
            return None
        if len(list(node.find_all(exp.Query))) > 1:
            return None
        conditions, most = self._split_rownum(node)
        if most is not None:
            return None
        return Grouping(
            projections=", ".join(map(self._projection, node.expressions)),
            source=self.render(node.args["from_"]),
            conditions=[self.render(condition) for condition in conditions],
            keys=[self.render(key) for key in node.args["group"].expressions],
        )

    def _distinct_of(self, node: exp.Select) -> str:
        distinct = node.args.get("distinct")
        if distinct is None:
            return ""
        self.accept_only(distinct)
        return "DISTINCT"

    def _tail(self, node: exp.Expr, parts: list[str], most: str | None = None) -> str:
        """Behind the query's body: ORDER BY, and how many rows."""
        for key in ("order", "offset", "limit"):
            if part := node.args.get(key):
                if key == "limit" and most:
                    raise refusal(node, "ROWNUM with FETCH FIRST")
                parts.append(self.render(part))
        if most:
            parts.append(f"LIMIT {most}")
        return " ".join(filter(None, parts))

    def _with(self, node: exp.Expr) -> str:
        clause = node.args.get("with_")
        if clause is None:
            return ""
        self.accept_only(clause, "expressions")
        queries = []
        for query in clause.expressions:
            self.accept_only(query, "this", "alias")
            alias = query.args["alias"]
            self.accept_only(alias, "this", "columns")
            body = self.render(query.this)
            self.with_names.add(oracle_name(alias.this))
            names = ", ".join(pg_name(column) for column in alias.args.get("columns") or [])
            queries.append(f"{pg_name(alias.this)}{f' ({names})' if names else ''} AS ({body})")
        return "WITH " + ", ".join(queries)

    def _projection(self, node: exp.Expr) -> str:
        if isinstance(node, (exp.Alias, exp.Column, exp.Star)):
            return self.render(node)
        return f"{self.render(node)} AS {quoted(swapped(column_name(node))[:63])}"

    def _alias(self, node: exp.Alias) -> str:
        return f"{self.render(node.this)} AS {pg_name(node.args['alias'])}"

    def _split_rownum(self, node: exp.Select) -> tuple[list[exp.Expr], str | None]:
        """The conditions without `ROWNUM <= n`, and that n as a LIMIT."""
        where = node.args.get("where")
        if where is None:
            return [], None
        conditions = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
        limits = [condition for condition in conditions if _is_rownum(condition.this)]
        if not limits:
            return conditions, None
        shaped = any(node.args.get(key) for key in ("order", "group", "distinct", "having"))
        if shaped or len(limits) > 1 or any(map(_has_aggregate, node.expressions)):
            raise refusal(node, "ROWNUM beside ORDER BY, DISTINCT or aggregates")
        return [one for one in conditions if one is not limits[0]], self._rownum_limit(limits[0])

    def _rownum_limit(self, condition: exp.Expr) -> str:
        bound = f"trunc({self.render(condition.expression)})"
        match condition:
            case exp.LTE():
                return f"greatest({bound}, 0)"
            case exp.LT():
                return f"greatest(ceil({self.render(condition.expression)}) - 1, 0)"
            case exp.EQ() if condition.expression.sql() == "1":
                return "1"
        raise refusal(condition, "ROWNUM but in ROWNUM <= n")

    def _set_operation(self, node: exp.SetOperation) -> str:
        self.accept_only(
            node, "with_", "this", "expression", "distinct", "order", "limit", "offset"
        )
        word = _SET_OPERATIONS[type(node)] + ("" if node.args.get("distinct") else " ALL")
        clause = self._with(node)
        body = f"({self.render(node.this)}) {word} ({self.render(node.expression)})"
        if any(map(self.is_char, [*node.this.selects, *node.expression.selects])):
            raise refusal(node, "CHAR in a set operation")
        return self._tail(node, [clause, body])

    _union = _except = _intersect = _set_operation

    def _subquery(self, node: exp.Subquery) -> str:
        self.accept_only(node, "this", "alias")
        alias = node.args.get("alias")
        if alias:
            self.accept_only(alias, "this")
        return f"({self.render(node.this)})" + (f" AS {pg_name(alias.this)}" if alias else "")

    def _from(self, node: exp.From) -> str:
        return f"FROM {self.render(node.this)}"

    def _join(self, node: exp.Join) -> str:
        self.accept_only(node, "this", "side", "kind", "on", "using")
        words = f"{node.side} {node.kind}".strip()
        if node.args.get("on"):
            condition = f" ON {self.render(node.args['on'])}"
        elif node.args.get("using"):
            condition = f" USING ({', '.join(pg_name(identifier(c)) for c in node.args['using'])})"
        else:
            return f" CROSS JOIN {self.render(node.this)}"
        return f" {words or 'INNER'} JOIN {self.render(node.this)}{condition}"

    def _table(self, node: exp.Table) -> str:
        self.accept_only(node, "this", "db", "alias", "joins")
        alias = node.args.get("alias")
        if alias:
            self.accept_only(alias, "this")
        joins = "".join(map(self.render, node.args.get("joins") or []))
        name = oracle_name(node.this)
        shown = f" AS {pg_name(alias.this if alias else node.this)}"
        owner = oracle_name(node.args["db"]) if node.args.get("db") else None
        if owner is None and name in self.with_names:
            return quoted(swapped(name)) + shown + joins
        relation = self.resolve(owner, name)
        self.relations.add(relation)
        self.aliases[oracle_name(alias.this if alias else node.this)] = relation
        return f"{relation}{shown}{joins}"

    def _where(self, node: exp.Where) -> str:
        return f"WHERE {self.render(node.this)}"

    def _group(self, node: exp.Group) -> str:
        self.accept_only(node, "expressions")
        if any(isinstance(key, (exp.Literal, exp.Tuple)) for key in node.expressions):
            raise refusal(node, "GROUP BY a constant or a list")
        return f"GROUP BY {self.render_all(node.expressions)}"

    def _having(self, node: exp.Having) -> str:
        return f"HAVING {self.render(node.this)}"

    def _order(self, node: exp.Order) -> str:
        self.accept_only(node, "expressions")
        return f"ORDER BY {self.render_all(node.expressions)}"

    def _ordered(self, node: exp.Ordered) -> str:
        self.accept_only(node, "this", "desc", "nulls_first")
        key = node.this
        text = key.name if isinstance(key, exp.Literal) and not key.is_string else self.render(key)
        direction = "DESC" if node.args.get("desc") else "ASC"
        return f"{text} {direction} NULLS {'FIRST' if node.args.get('nulls_first') else 'LAST'}"

    def _fetch(self, node: exp.Fetch) -> str:
        self.accept_only(node, "direction", "count", "limit_options")
        options = node.args.get("limit_options")
        if options:
            self.accept_only(options, "rows")
        count = node.args.get("count")
        return f"LIMIT {self.render(count) if count else 1}"

    def _offset(self, node: exp.Offset) -> str:
        self.accept_only(node, "expression")
        return f"OFFSET {self.render(node.expression)}"


def _check_group_keys(node: exp.Select) -> None:
    """Refuse a key that names a projection: PostgreSQL and Oracle 23ai know those, 19c does not."""
    group = node.args.get("group")
    keys = group.expressions if group else []
    names = {oracle_name(key.this) for key in keys if isinstance(key, exp.Column) and not key.table}
    for alias in node.expressions if names else ():
        if not isinstance(alias, exp.Alias) or column_name(alias) not in names:
            continue
        if column_name(alias.this) != column_name(alias):
            raise OraError(904, f'"{column_name(alias)}": invalid identifier')


def _is_rownum(node: object) -> bool:
    if isinstance(node, exp.Column) and not node.table:
        return node.name.upper() == "ROWNUM"
    return type(node) is exp.Pseudocolumn


def _has_aggregate(node: exp.Expr) -> bool:
    calls = node.find_all(exp.Anonymous)
    return any(str(call.this).upper() in functions.AGGREGATES for call in calls)
