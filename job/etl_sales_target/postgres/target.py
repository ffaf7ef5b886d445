"""The target table: created if it is missing, checked, locked, counted, added up."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from sqlalchemy import Executable, func, select, text
from sqlalchemy.schema import CreateColumn, CreateTable, SetColumnComment, SetTableComment

from etl_sales_target.core import control_totals, statements
from etl_sales_target.core.control_totals import ControlTotals, Magnitudes
from etl_sales_target.core.definitions import TableLayout, without
from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import SqlTable
from etl_sales_target.postgres import hazards
from etl_sales_target.postgres.columns import require_type
from etl_sales_target.postgres.history import History
from etl_sales_target.postgres.session import PostgresSession


class Target:
    """A table of PostgreSQL, in the transaction of an open session."""

    def __init__(self, session: PostgresSession, layout: TableLayout) -> None:
        self._session = session
        self.layout = layout
        self.name = layout.definition.target
        self.sql = SqlTable(self.name, layout)
        self.table = self.sql.table

    @cached_property
    def history(self) -> History:
        """Its change history, whether there is one or not."""
        return History(self._session, self.layout)

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
        self._session.require_temporary_tables()

    def refuse_hazards(self) -> None:
        """Raises TargetRefusedError, which names what a load would harm."""
        hazards.refuse_hazards(self._session, self.table, self.layout)

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
        for column, sql_column in self.sql:
            found = types.get(column.name)
            if found is None:
                added = self._session.sql_of(CreateColumn(sql_column))
                raise NotFoundError(
                    f"Column {column.name} is in {self.layout.definition.source}, but not in "
                    f"{self.name}.",
                    remedy=f"ALTER TABLE {self._name_in_sql} ADD COLUMN {added}; or leave it out "
                    f"with {without(self.layout, column.name)} in ETL_TABLES_FILE.",
                    column=column.name,
                )
            require_type(self._session, sql_column, column, found, then="then `run --full`.")

    @property
    def _name_in_sql(self) -> str:
        return self._session.name_of(self.table)

    def lock_table(self) -> None:
        """Keeps other writers out until the end of the transaction; readers go on."""
        self._session.execute(text(f"LOCK TABLE {self._name_in_sql} IN SHARE ROW EXCLUSIVE MODE"))

    def counts(self) -> dict[Period, int]:
        """Each period's rows."""
        found = self._session.stream(statements.counts(self.sql))
        return statements.read_counts(found, self.layout)

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
        found = self._session.stream(control_totals.statement(self.sql, periods))
        return control_totals.read(found, self.layout)

    def magnitudes(self, periods: Sequence[Period]) -> Magnitudes:
        """The sums of absolute values of these periods, by column."""
        found = self._session.execute(control_totals.magnitudes(self.sql, periods))
        return control_totals.read_magnitudes(found, self.layout)

    def repeated_keys(self, periods: Sequence[Period] | None) -> int:
        """How many rows of these periods (None: of all) repeat the key of an earlier one of them.

        A key with a NULL repeats none.
        """
        if not self.layout.definition.key:
            return 0
        return int(self._session.execute(statements.repeated_keys(self.sql, periods)).scalar_one())


def _comments(sql: SqlTable) -> Iterator[Executable]:
    if sql.table.comment:
        yield SetTableComment(sql.table)
    for _, column in sql:
        if column.comment:
            yield SetColumnComment(column)
