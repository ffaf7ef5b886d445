"""INSERT, UPDATE and DELETE."""

from sqlglot import exp

from oracle_standin.errors import OraError
from oracle_standin.sql.naming import identifier, pg_name
from oracle_standin.sql.renderer import Renderer


class Changes(Renderer):
    """Renders what changes rows."""

    def _insert(self, node: exp.Insert) -> str:
        self.accept_only(node, "this", "expression")
        target, columns = node.this, ""
        if isinstance(target, exp.Schema):
            columns = f" ({', '.join(pg_name(identifier(one)) for one in target.expressions)})"
            target = target.this
        return f"INSERT INTO {self.render(target)}{columns} {self.render(node.expression)}"

    def _values(self, node: exp.Values) -> str:
        self.accept_only(node, "expressions")
        if len(node.expressions) != 1:
            raise OraError(933)
        return f"VALUES {self.render_all(node.expressions)}"

    def _update(self, node: exp.Update) -> str:
        self.accept_only(node, "this", "expressions", "where")
        target = self.render(node.this)
        changes = ", ".join(
            f"{pg_name(change.this.this)} = {self.render(change.expression)}"
            for change in node.expressions
        )
        where = f" {self.render(node.args['where'])}" if node.args.get("where") else ""
        return f"UPDATE {target} SET {changes}{where}"

    def _delete(self, node: exp.Delete) -> str:
        self.accept_only(node, "this", "where")
        target = self.render(node.this)
        where = f" {self.render(node.args['where'])}" if node.args.get("where") else ""
        return f"DELETE FROM {target}{where}"
