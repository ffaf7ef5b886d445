"""The target table: created if it is missing, checked, locked, counted, replaced by periods."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column as SqlColumn
from sqlalchemy import Executable, delete, func, select, text
from sqlalchemy.schema import CreateColumn, CreateTable, SetColumnComment, SetTableComment

from etl_sales_target.core import control_totals, statements
from etl_sales_target.core.columns import Column, Kind
from etl_sales_target.core.control_totals import ControlTotals, Magnitudes
from etl_sales_target.core.copy_format import Batch, Encoder
from etl_sales_target.core.definitions import TableLayout, without
from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import SqlTable
from etl_sales_target.postgres import hazards
from etl_sales_target.postgres.session import PostgresSession

_TIMESTAMP = re.compile(r"timestamp(?:\((\d)\))? without time zone")
_MOST_FRACTION_DIGITS = 6

# Types of which the needed type keeps every value. Not CHAR: the cast drops its blanks.
_NARROWER = {
    Kind.NUMBER: re.compile(r"numeric\(.*\)|smallint|integer|bigint"),
    Kind.TEXT: re.compile(r"character varying\(\d+\)"),
    Kind.DATETIME: re.compile(r"date|timestamp\(\d\) without time zone"),
}


class Target:
    """A table of PostgreSQL, in the transaction of an open session."""

    def __init__(self, session: PostgresSession, layout: TableLayout) -> None:
        self._session = session
        self._layout = layout
        self.name = layout.definition.target
        self._sql = SqlTable(self.name, layout)
        self.table = self._sql.table

    def exists(self) -> bool:
        """Whether the table is there."""
        return bool(self._session.column_types(self.table))

    def create(self, layout: TableLayout) -> None:
        """Creates the table from this layout, which has the comments."""
        sql = SqlTable(self.name, layout)
        self._session.execute(CreateTable(sql.table))
        for statement in _comments(sql):
            self._session.execute(statement)

    def check(self) -> None:
        """Raises a JobError if the table cannot be loaded, or not without harm."""
        self.check_columns()
        self.refuse_hazards()
        self._session.require(self.table, "SELECT", "INSERT", "DELETE")

    def refuse_hazards(self) -> None:
        """Raises TargetRefusedError, which names what a load would harm."""
        hazards.refuse_hazards(self._session, self.table, self._layout)

    def warnings(self) -> list[str]:
        """What could make a load fail, in words."""
        return hazards.reliant_triggers(self._session, self.table)

    def column_types(self) -> dict[str, str]:
        """The table's columns with their types; empty if the table does not exist."""
        return self._session.column_types(self.table)

    def check_columns(self) -> None:
        """Raises NotFoundError if the table is missing, or cannot hold the source's rows."""
        types = self.column_types()
        if not types:
            raise NotFoundError(
                f"The target {self.name} does not exist.", remedy="`run` creates it."
            )
        for column, sql_column in self._sql:
            found = types.get(column.name)
            if found is None:
                added = self._session.sql_of(CreateColumn(sql_column))
                raise NotFoundError(
                    f"Column {column.name} is in {self._layout.definition.source}, but not in "
                    f"{self.name}.",
                    remedy=f"ALTER TABLE {self._name_in_sql} ADD COLUMN {added}; or leave it out "
                    f"with {without(self._layout, column.name)} in ETL_TABLES_FILE.",
                    column=column.name,
                )
            if not holds(found, column):
                raise NotFoundError(
                    f"Column {column.name} of {self.name} is {found}, and {column.type.source} of "
                    f"the source needs {column.type.target}.",
                    remedy=f"{self._alteration(found, column, sql_column)}; then `run --full`.",
                    column=column.name,
                )

    def _alteration(self, found: str, column: Column, sql_column: SqlColumn[Any]) -> str:
        """The statement that gives a column of the target the type that it needs."""
        name = self._session.name_of_column(sql_column)
        if _NARROWER[column.type.kind].fullmatch(found):
            return f"ALTER TABLE {self._name_in_sql} ALTER COLUMN {name} TYPE {column.type.target}"
        added = self._session.sql_of(CreateColumn(sql_column))
        return f"ALTER TABLE {self._name_in_sql} DROP COLUMN {name}, ADD COLUMN {added}"

    @property
    def _name_in_sql(self) -> str:
        return self._session.name_of(self.table)

    def lock_table(self) -> None:
        """Keeps other writers out until the end of the transaction; readers go on."""
        self._session.execute(text(f"LOCK TABLE {self._name_in_sql} IN SHARE ROW EXCLUSIVE MODE"))

    def counts(self) -> dict[Period, int]:
        """Each period's rows."""
        found = self._session.stream(statements.counts(self._sql))
        return statements.read_counts(found, self._layout)

    def count(self) -> int:
        """The rows of the whole table."""
        statement = select(func.count()).select_from(self.table)
        return int(self._session.execute(statement).scalar_one())

    def settle(self) -> None:
        """Lets everything happen to the new rows that is going to, before they are added up.

        Deferred triggers fire now, not at the commit. ANALYZE tells the planner how few periods
        there are: else it sorts all rows to add them up.
        """
        self._session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        self._session.analyze(self.table)

    def control_totals(
        self, periods: Sequence[Period] | None = None
    ) -> Mapping[Period, ControlTotals]:
        """The rows, non-null counts and sums of these periods (None: of all)."""
        found = self._session.stream(control_totals.statement(self._sql, periods))
        return control_totals.read(found, self._layout)

    def magnitudes(self, periods: Sequence[Period]) -> Magnitudes:
        """The sums of absolute values of these periods, by column."""
        found = self._session.execute(control_totals.magnitudes(self._sql, periods))
        return control_totals.read_magnitudes(found, self._layout)

    def repeated_keys(self, periods: Sequence[Period] | None) -> int:
        """How many rows of these periods (None: of all) repeat the key of an earlier one of them.

        A key with a NULL repeats none.
        """
        if not self._layout.definition.key:
            return 0
        return int(self._session.execute(statements.repeated_keys(self._sql, periods)).scalar_one())

    def delete(self, periods: Sequence[Period] | None) -> int:
        """Deletes all rows of these periods (None: of the table); returns how many."""
        statement = delete(self.table)
        if periods is not None:
            statement = statement.where(statements.in_any_of(self._sql, periods))
        return self._session.execute(statement).rowcount

    @property
    def bytes_sent(self) -> int:
        """What the session's copies have sent so far."""
        return self._session.bytes_sent

    def copy(self, batches: Iterable[Batch]) -> int:
        """Appends the batches; returns the rows sent."""
        return self._session.copy(self.table, batches, Encoder(self._layout.columns))


def _comments(sql: SqlTable) -> Iterator[Executable]:
    if sql.table.comment:
        yield SetTableComment(sql.table)
    for _, column in sql:
        if column.comment:
            yield SetColumnComment(column)


def holds(found: str, column: Column) -> bool:
    """Whether a column of this type, as `format_type` spells it, keeps every value exactly."""
    match column.type.kind:
        case Kind.NUMBER:
            return found == "numeric"
        case Kind.TEXT:
            return found in {"text", "character varying"}
        case Kind.DATETIME:
            match = _TIMESTAMP.fullmatch(found)
            digits = int(match[1] or _MOST_FRACTION_DIGITS) if match else -1
            return digits >= column.type.fraction_digits
