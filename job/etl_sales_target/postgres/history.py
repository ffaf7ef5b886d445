"""The change history: the rows that each run inserted into the target and deleted from it."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    Text,
    case,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.schema import CreateColumn, CreateTable, SetTableComment
from sqlalchemy.types import TypeEngine

from etl_sales_target.core.changes import OWN_COLUMNS, Operation, Reason
from etl_sales_target.core.definitions import TableLayout
from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import SqlTable, in_any_of
from etl_sales_target.postgres.columns import require_type
from etl_sales_target.postgres.session import PostgresSession

# Pruning deletes so many rows in a transaction, and so many times at most after one run.
_ROWS_A_STEP = 20_000
_MOST_STEPS = 50


_TYPES: dict[str, TypeEngine[Any]] = {
    "change_run": BigInteger(),
    "change_from": DateTime(timezone=True),
    "change_to": DateTime(timezone=True),
}


def _own_columns() -> list[SqlColumn[Any]]:
    return [SqlColumn(name, _TYPES.get(name, Text()), nullable=False) for name in OWN_COLUMNS]


class History:
    """The change history of one target, in an open session."""

    # `is_new`: whether `prepare` has just made the table.

    def __init__(self, session: PostgresSession, layout: TableLayout) -> None:
        self.is_new = False
        self._session = session
        self._layout = layout
        self.name = layout.definition.target.history
        self._sql = SqlTable(self.name, layout, further=_own_columns())
        self.table = self._sql.table

    def exists(self) -> bool:
        """Whether the table is there."""
        return bool(self._session.column_types(self.table))

    def prepare(self) -> list[str]:
        """Makes the table and the columns that are missing; returns their names.

        Raises NotFoundError if a table of this name cannot hold the changes.
        """
        types = self._session.column_types(self.table)
        if not types:
            for statement in self._create():
                self._session.execute(statement)
            self.is_new = True
            return [str(self.table)]
        self._refuse_unsuitable(types)
        missing = [column for column in self.table.columns if column.name not in types]
        for column in missing:
            added = self._session.sql_of(CreateColumn(column))
            self._session.execute(text(f"ALTER TABLE {self._name_in_sql} ADD COLUMN {added}"))
        return list(map(str, missing))

    def check(self) -> None:
        """Raises NotAllowedError where this user may not write the history."""
        self._session.require(self.table, "SELECT", "INSERT", "DELETE")

    def _create(self) -> Iterator[Executable]:
        yield CreateTable(self.table)
        # Rows are appended in the order of both, so it is small and costs little to write. An index
        # of the key would double the time of a run that changes everything.
        own = self.table.c
        columns = ", ".join(map(self._session.name_of_column, [own.change_run, own.change_to]))
        yield text(
            f"CREATE INDEX ON {self._name_in_sql} USING brin ({columns}) WITH (autosummarize)"
        )
        self.table.comment = (
            f"Change history of {self._layout.definition.target}, written by etl-sales-target"
        )
        yield SetTableComment(self.table)

    def _refuse_unsuitable(self, types: dict[str, str]) -> None:
        lacks = [name for name in OWN_COLUMNS if name not in types]
        if lacks:
            raise NotFoundError(
                f"{self.name} is not a change history: it has no column {', '.join(lacks)}.",
                remedy="Rename that table, or set `history: false` for this target.",
            )
        for column, sql_column in self._sql:
            found = types.get(column.name)
            if found is not None:
                require_type(
                    self._session, sql_column, column, found,
                    then="or rename the history, and `run` begins a new one.",
                )  # fmt: skip

    @property
    def _name_in_sql(self) -> str:
        return self._session.name_of(self.table)

    def last_run(self) -> int:
        """The last run that has changes in it; 0 if none has, or there is no history."""
        if "change_run" not in self._session.column_types(self.table):
            return 0
        statement = select(func.coalesce(func.max(self.table.c.change_run), 0))
        return int(self._session.execute(statement).scalar_one())

    def record(
        self, said: Iterable[ColumnElement[Any]], sql: SqlTable, condition: ColumnElement[bool]
    ) -> None:
        """Records the rows of `sql` of which the condition is true, and what is said of them."""
        names = list(self._layout.names)
        rows = select(*said, *sql.named(names)).where(condition)
        self._session.write(insert(self.table).from_select([*OWN_COLUMNS, *names], rows))

    def has_changes_until(self, last_run: int) -> bool:
        """Whether there are changes of runs up to this one."""
        found = select(self.table.c.change_run).where(self.table.c.change_run <= last_run).limit(1)
        return self._session.execute(found).first() is not None

    def prune(self, last_run: int) -> Iterator[int]:
        """Deletes the changes of all runs up to this one, in steps that you commit.

        Yields how many rows each step deleted. Gives up, until the next run, after a million rows.
        """
        table = self._name_in_sql
        step = text(f"""
            DELETE FROM {table} WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM {table} WHERE change_run <= {last_run:d}
                 LIMIT {_ROWS_A_STEP}))
        """)  # noqa: S608 - a quoted name and two numbers
        for _ in range(_MOST_STEPS):
            rows = self._session.write(step)
            yield rows
            if rows < _ROWS_A_STEP:
                return


@dataclass(frozen=True)
class ChangeRecorder:
    """Records what one run writes.

    `since` and `until` are the times of the last load's snapshot and of this one; `changed` are the
    periods whose source differs from the record, None: all.
    """

    history: History
    run: int
    since: datetime.datetime
    until: datetime.datetime
    changed: Sequence[Period] | None

    def record(self, operation: Operation, sql: SqlTable, condition: ColumnElement[bool]) -> None:
        """Records the rows of `sql` of which the condition is true."""
        said = (
            literal(self.run), literal(self.since), literal(self.until),
            literal(operation.value), self._reason(sql),
        )  # fmt: skip
        self.history.record(said, sql, condition)

    def _reason(self, sql: SqlTable) -> ColumnElement[str]:
        if self.changed is None:
            return literal(Reason.SOURCE.value)
        if not self.changed:
            return literal(Reason.REPAIR.value)
        return case((in_any_of(sql, self.changed), Reason.SOURCE.value), else_=Reason.REPAIR.value)
