"""Oracle's SQL to PostgreSQL's, by a whitelist: what has no rendering here is refused.

`translate` walks sqlglot's tree and renders each node it knows into text. Names become the
PostgreSQL relations that `resolve` finds, binds become literals.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from oracle_standin import functions
from oracle_standin.binds import literal
from oracle_standin.dialect import StandinOracle
from oracle_standin.errors import OraError
from oracle_standin.names import quoted, swapped
from oracle_standin.requests import BindValue


@dataclass(frozen=True)
class Relation:
    """A table or view in PostgreSQL."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


Resolve = Callable[[str | None, str], Relation]


@dataclass(frozen=True)
class Grouping:
    """A query of one row a group, over the rows of one table and nothing else, in pieces."""

    projections: str
    source: str
    conditions: Sequence[str]
    keys: Sequence[str]

    def tail(self, condition: str | None = None) -> str:
        """All behind the projections, with one more condition."""
        conditions = [*self.conditions, *([f"({condition})"] if condition else [])]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"{self.source}{where} GROUP BY {', '.join(self.keys)}"


@dataclass
class Translation:
    """PostgreSQL's SQL, and what else one has to know to run it and to keep its answer."""

    sql: str
    column_names: list[str] | None
    relations: set[Relation] = field(default_factory=set)
    is_stable: bool = True
    grouping: Grouping | None = None


def translate(
    statement: exp.Expr,
    resolve: Resolve,
    binds: Mapping[str, BindValue],
    context: Mapping[str, str],
) -> Translation:
    """`context` answers SYS_CONTEXT('userenv', key)."""
    if not isinstance(statement, (exp.Query, exp.Insert, exp.Update, exp.Delete)):
        raise _refuse(statement)
    renderer = _Renderer(resolve, binds, context)
    sql = renderer.render(statement)
    names = _column_names(statement) if isinstance(statement, exp.Query) else None
    grouping = renderer.grouping(statement) if renderer.is_stable else None
    return Translation(sql, names, renderer.relations, renderer.is_stable, grouping)


def oracle_name(identifier: exp.Expr | None) -> str:
    """The name that Oracle's dictionary has for it: upper case unless quoted."""
    if not isinstance(identifier, exp.Identifier):
        raise OraError(900)
    return str(identifier.this) if identifier.args.get("quoted") else str(identifier.this).upper()


def _column_names(query: exp.Expr) -> list[str] | None:
    """As Oracle names an answer's columns; None where a star leaves that to the table."""
    if isinstance(query, (exp.SetOperation, exp.Subquery)):
        return _column_names(query.this)
    if not isinstance(query, exp.Select) or query.is_star:
        return None
    return [_column_name(projection) for projection in query.selects]


def _column_name(projection: exp.Expr) -> str:
    if isinstance(projection, exp.Alias):
        return oracle_name(projection.args["alias"])
    if isinstance(projection, exp.Column):
        return oracle_name(projection.this)
    return projection.sql(dialect=StandinOracle, comments=False).upper().replace(" ", "")


def _pg(identifier: exp.Expr | None) -> str:
    return quoted(swapped(oracle_name(identifier)))


def _refuse(node: exp.Expr, detail: str = "") -> OraError:
    what = detail or type(node).__name__
    return OraError(3001, f"unimplemented feature: the stand-in does not understand {what}")


_BINARY: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
    exp.And: "AND", exp.Or: "OR", exp.Add: "+", exp.Sub: "-", exp.Mul: "*",
}  # fmt: skip
_SET_OPERATIONS: dict[type[exp.Expr], str] = {
    exp.Union: "UNION",
    exp.Except: "EXCEPT",
    exp.Intersect: "INTERSECT",
}
_TYPES = {"VARCHAR": "text", "VARCHAR2": "text", "DATE": "timestamp(0)", "TIMESTAMP": "timestamp"}
_SELECT_PARTS = {
    "with_", "hint", "distinct", "expressions", "from_", "joins", "where", "group", "having",
    "order", "limit", "offset", "kind", "operation_modifiers",
}  # fmt: skip
_GROUPING_PARTS = {"expressions", "from_", "where", "group"}


class _Renderer:
    def __init__(
        self, resolve: Resolve, binds: Mapping[str, BindValue], context: Mapping[str, str]
    ) -> None:
        self._resolve = resolve
        self._binds = binds
        self._context = context
        self._with_names: set[str] = set()
        self.relations: set[Relation] = set()
        self.is_stable = True
        self._moment = datetime.datetime.now(datetime.UTC)

    def render(self, node: exp.Expr) -> str:
        kind = type(node)
        if operator := _BINARY.get(kind):
            return f"({self.render(node.this)} {operator} {self.render(node.expression)})"
        if isinstance(node, exp.SetOperation) and kind in _SET_OPERATIONS:
            return self._set_operation(node)
        method = getattr(self, f"_{kind.__name__.lower()}", None)
        if method is None:
            raise _refuse(node)
        return str(method(node))

    def _list(self, nodes: list[exp.Expr]) -> str:
        return ", ".join(self.render(node) for node in nodes)

    def _only(self, node: exp.Expr, *known: str) -> None:
        """Refuse a node that says more than its rendering would."""
        for key, value in node.args.items():
            if value and key not in known:
                raise _refuse(node, f"{type(node).__name__} with {key.strip('_')}")

    # -- queries -----------------------------------------------------------------------------

    def _select(self, node: exp.Select) -> str:
        self._only(node, *_SELECT_PARTS)
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
        self._only(distinct)
        return "DISTINCT"

    def _tail(self, node: exp.Expr, parts: list[str], most: str | None = None) -> str:
        """Behind the query's body: ORDER BY, and how many rows."""
        for key in ("order", "offset", "limit"):
            if part := node.args.get(key):
                if key == "limit" and most:
                    raise _refuse(node, "ROWNUM with FETCH FIRST")
                parts.append(self.render(part))
        if most:
            parts.append(f"LIMIT {most}")
        return " ".join(filter(None, parts))

    def _with(self, node: exp.Expr) -> str:
        clause = node.args.get("with_")
        if clause is None:
            return ""
        self._only(clause, "expressions")
        queries = []
        for query in clause.expressions:
            self._only(query, "this", "alias")
            alias = query.args["alias"]
            self._only(alias, "this", "columns")
            body = self.render(query.this)
            self._with_names.add(oracle_name(alias.this))
            names = ", ".join(_pg(column) for column in alias.args.get("columns") or [])
            queries.append(f"{_pg(alias.this)}{f' ({names})' if names else ''} AS ({body})")
        return "WITH " + ", ".join(queries)

    def _projection(self, node: exp.Expr) -> str:
        if isinstance(node, (exp.Alias, exp.Column, exp.Star)):
            return self.render(node)
        return f"{self.render(node)} AS {quoted(swapped(_column_name(node))[:63])}"

    def _alias(self, node: exp.Alias) -> str:
        return f"{self.render(node.this)} AS {_pg(node.args['alias'])}"

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
            raise _refuse(node, "ROWNUM beside ORDER BY, DISTINCT or aggregates")
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
        raise _refuse(condition, "ROWNUM but in ROWNUM <= n")

    def _set_operation(self, node: exp.SetOperation) -> str:
        self._only(node, "with_", "this", "expression", "distinct", "order", "limit", "offset")
        word = _SET_OPERATIONS[type(node)] + ("" if node.args.get("distinct") else " ALL")
        clause = self._with(node)
        body = f"({self.render(node.this)}) {word} ({self.render(node.expression)})"
        return self._tail(node, [clause, body])

    def _subquery(self, node: exp.Subquery) -> str:
        self._only(node, "this", "alias")
        alias = node.args.get("alias")
        if alias:
            self._only(alias, "this")
        return f"({self.render(node.this)})" + (f" AS {_pg(alias.this)}" if alias else "")

    def _from(self, node: exp.From) -> str:
        return f"FROM {self.render(node.this)}"

    def _join(self, node: exp.Join) -> str:
        self._only(node, "this", "side", "kind", "on", "using")
        words = f"{node.side} {node.kind}".strip()
        if node.args.get("on"):
            condition = f" ON {self.render(node.args['on'])}"
        elif node.args.get("using"):
            condition = f" USING ({', '.join(_pg(_identifier(c)) for c in node.args['using'])})"
        else:
            return f" CROSS JOIN {self.render(node.this)}"
        return f" {words or 'INNER'} JOIN {self.render(node.this)}{condition}"

    def _table(self, node: exp.Table) -> str:
        self._only(node, "this", "db", "alias", "joins")
        alias = node.args.get("alias")
        if alias:
            self._only(alias, "this")
        joins = "".join(map(self.render, node.args.get("joins") or []))
        name = oracle_name(node.this)
        shown = f" AS {_pg(alias.this if alias else node.this)}"
        owner = oracle_name(node.args["db"]) if node.args.get("db") else None
        if owner is None and name in self._with_names:
            return quoted(swapped(name)) + shown + joins
        relation = self._resolve(owner, name)
        self.relations.add(relation)
        return f"{relation}{shown}{joins}"

    def _where(self, node: exp.Where) -> str:
        return f"WHERE {self.render(node.this)}"

    def _group(self, node: exp.Group) -> str:
        self._only(node, "expressions")
        if any(isinstance(key, (exp.Literal, exp.Tuple)) for key in node.expressions):
            raise _refuse(node, "GROUP BY a constant or a list")
        return f"GROUP BY {self._list(node.expressions)}"

    def _having(self, node: exp.Having) -> str:
        return f"HAVING {self.render(node.this)}"

    def _order(self, node: exp.Order) -> str:
        self._only(node, "expressions")
        return f"ORDER BY {self._list(node.expressions)}"

    def _ordered(self, node: exp.Ordered) -> str:
        self._only(node, "this", "desc", "nulls_first")
        key = node.this
        text = key.name if isinstance(key, exp.Literal) and not key.is_string else self.render(key)
        direction = "DESC" if node.args.get("desc") else "ASC"
        return f"{text} {direction} NULLS {'FIRST' if node.args.get('nulls_first') else 'LAST'}"

    def _fetch(self, node: exp.Fetch) -> str:
        self._only(node, "direction", "count", "limit_options")
        options = node.args.get("limit_options")
        if options:
            self._only(options, "rows")
        count = node.args.get("count")
        return f"LIMIT {self.render(count) if count else 1}"

    def _offset(self, node: exp.Offset) -> str:
        self._only(node, "expression")
        return f"OFFSET {self.render(node.expression)}"

    # -- conditions --------------------------------------------------------------------------

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
            raise _refuse(node, "IS with anything but NULL")
        return f"({self.render(node.this)} IS NULL)"

    def _in(self, node: exp.In) -> str:
        self._only(node, "this", "expressions", "query")
        query = node.args.get("query")
        inner = self.render(query) if query else f"({self._list(node.expressions)})"
        return f"({self.render(node.this)} IN {inner})"

    def _between(self, node: exp.Between) -> str:
        self._only(node, "this", "low", "high")
        low, high = self.render(node.args["low"]), self.render(node.args["high"])
        return f"({self.render(node.this)} BETWEEN {low} AND {high})"

    def _like(self, node: exp.Like, escape: str = "''") -> str:
        self._only(node, "this", "expression", "negate")
        operator = "NOT LIKE" if node.args.get("negate") else "LIKE"
        text, pattern = self.render(node.this), self.render(node.expression)
        return f"({text} {operator} {pattern} ESCAPE {escape})"

    def _escape(self, node: exp.Escape) -> str:
        if not isinstance(node.this, exp.Like):
            raise _refuse(node)
        return self._like(node.this, self.render(node.expression))

    def _exists(self, node: exp.Exists) -> str:
        return f"EXISTS ({self.render(node.this)})"

    def _tuple(self, node: exp.Tuple) -> str:
        return f"({self._list(node.expressions)})"

    # -- values ------------------------------------------------------------------------------

    def _column(self, node: exp.Column) -> str:
        self._only(node, "this", "table", "db")
        if isinstance(node.this, exp.Star):
            return f"{_pg(node.args['table'])}.*"
        if node.args.get("table"):
            return f"{_pg(node.args['table'])}.{_pg(node.this)}"
        return self._pseudocolumn(oracle_name(node.this)) or _pg(node.this)

    def _pseudocolumn(self, name: str) -> str | None:
        if name in ("ROWNUM", "ROWID", "LEVEL", "ORA_ROWSCN"):
            raise OraError(3001, f"unimplemented feature: {name}")
        if name == "USER":
            return literal(self._context.get("session_user"))
        if name in ("SYSDATE", "CURRENT_DATE"):
            return f"{self._now('seconds')}::timestamp(0)"
        if name in ("SYSTIMESTAMP", "CURRENT_TIMESTAMP"):
            return f"{self._now('microseconds')}::timestamptz"
        return None

    def _now(self, precision: str) -> str:
        """The same moment wherever one statement asks for it."""
        self.is_stable = False
        return literal(self._moment.isoformat(" ", precision))

    def _systimestamp(self, _: exp.Expr) -> str:
        return str(self._pseudocolumn("SYSTIMESTAMP"))

    _currenttimestamp = _systimestamp

    def _currentdate(self, _: exp.Expr) -> str:
        return str(self._pseudocolumn("SYSDATE"))

    def _star(self, node: exp.Star) -> str:
        self._only(node)
        return "*"

    def _literal(self, node: exp.Literal) -> str:
        if node.is_string:
            return literal(str(node.this))
        return f"{node.this}::numeric"

    def _null(self, _: exp.Null) -> str:
        return "NULL"

    def _placeholder(self, node: exp.Placeholder) -> str:
        if node.name not in self._binds:
            raise OraError(1008)
        return literal(self._binds[node.name])

    def _dpipe(self, node: exp.DPipe) -> str:
        return functions.concat([self.render(part) for part in node.flatten()])

    def _case(self, node: exp.Case) -> str:
        self._only(node, "this", "ifs", "default")
        given = f" {self.render(node.this)}" if node.this else ""
        branches = "".join(
            f" WHEN {self.render(one.this)} THEN {self.render(one.args['true'])}"
            for one in node.args["ifs"]
        )
        default = node.args.get("default")
        return f"CASE{given}{branches}{f' ELSE {self.render(default)}' if default else ''} END"

    def _cast(self, node: exp.Cast) -> str:
        self._only(node, "this", "to", "_type")
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
        raise _refuse(node, f"CAST to {name}")

    def _extract(self, node: exp.Extract) -> str:
        self._only(node, "this", "expression")
        return functions.extract(node.this.name.upper(), self.render(node.expression))

    def _datestrtodate(self, node: exp.Expr) -> str:
        """A literal such as DATE '2024-01-31'."""
        return f"({self.render(node.this)})::timestamp(0)"

    def _anonymous(self, node: exp.Anonymous) -> str:
        name = str(node.this).upper()
        if name == "SYS_CONTEXT":
            return self._sys_context(node)
        if name == "SYS_EXTRACT_UTC":
            return f"({self._list(node.expressions)} AT TIME ZONE 'UTC')"
        if name in functions.AGGREGATES:
            return self._aggregate(name, node)
        arguments = [self.render(argument) for argument in node.expressions]
        return functions.call(name, arguments, node.expressions)

    def _aggregate(self, name: str, node: exp.Anonymous) -> str:
        (argument,) = node.expressions if len(node.expressions) == 1 else (None,)
        if argument is None or (isinstance(argument, exp.Star) and name != "COUNT"):
            raise OraError(909)
        if isinstance(argument, exp.Distinct):
            self._only(argument, "expressions")
            if len(argument.expressions) != 1:
                raise OraError(909)
            return functions.aggregate(name, f"DISTINCT {self.render(argument.expressions[0])}")
        return functions.aggregate(name, self.render(argument))

    def _sys_context(self, node: exp.Anonymous) -> str:
        namespace, key, *_ = [one.name.lower() for one in node.expressions] + ["", ""]
        if namespace != "userenv" or key not in self._context:
            raise OraError(2003, "invalid USERENV parameter")
        return literal(self._context[key])

    # -- changes -----------------------------------------------------------------------------

    def _insert(self, node: exp.Insert) -> str:
        self._only(node, "this", "expression")
        target, columns = node.this, ""
        if isinstance(target, exp.Schema):
            columns = f" ({', '.join(_pg(_identifier(one)) for one in target.expressions)})"
            target = target.this
        return f"INSERT INTO {self.render(target)}{columns} {self.render(node.expression)}"

    def _values(self, node: exp.Values) -> str:
        self._only(node, "expressions")
        if len(node.expressions) != 1:
            raise OraError(933)
        return f"VALUES {self._list(node.expressions)}"

    def _update(self, node: exp.Update) -> str:
        self._only(node, "this", "expressions", "where")
        changes = ", ".join(
            f"{_pg(change.this.this)} = {self.render(change.expression)}"
            for change in node.expressions
        )
        where = f" {self.render(node.args['where'])}" if node.args.get("where") else ""
        return f"UPDATE {self.render(node.this)} SET {changes}{where}"

    def _delete(self, node: exp.Delete) -> str:
        self._only(node, "this", "where")
        where = f" {self.render(node.args['where'])}" if node.args.get("where") else ""
        return f"DELETE FROM {self.render(node.this)}{where}"


def _identifier(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Column) else node


def _check_group_keys(node: exp.Select) -> None:
    """Refuse a key that names a projection: PostgreSQL and Oracle 23ai know those, 19c does not."""
    group = node.args.get("group")
    keys = group.expressions if group else []
    names = {oracle_name(key.this) for key in keys if isinstance(key, exp.Column) and not key.table}
    for alias in node.expressions if names else ():
        if not isinstance(alias, exp.Alias) or _column_name(alias) not in names:
            continue
        if _column_name(alias.this) != _column_name(alias):
            raise OraError(904, f'"{_column_name(alias)}": invalid identifier')


def _is_rownum(node: object) -> bool:
    if isinstance(node, exp.Column) and not node.table:
        return node.name.upper() == "ROWNUM"
    return type(node) is exp.Pseudocolumn


def _has_aggregate(node: exp.Expr) -> bool:
    calls = node.find_all(exp.Anonymous)
    return any(str(call.this).upper() in functions.AGGREGATES for call in calls)
