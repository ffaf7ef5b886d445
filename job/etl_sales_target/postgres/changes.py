"""Reads a change history as it stands, without the source."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column as SqlColumn
from sqlalchemy import (
    ColumnElement,
    MetaData,
    Select,
    Table,
    Text,
    cast,
    literal,
    select,
)
from sqlalchemy.types import NullType, UserDefinedType

from etl_sales_target.core.changes import OWN_COLUMNS, ChangeFilter
from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.core.errors import DataError, NotFoundError
from etl_sales_target.postgres.session import PostgresSession


class _TypeNamed(UserDefinedType[Any]):
    """The type that the catalog spells so."""

    cache_ok = True

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling

    def get_col_spec(self, **_options: object) -> str:
        return self.spelling


class ChangeLog:
    """The changes of one target. Raises NotFoundError if it has no history."""

    def __init__(self, session: PostgresSession, definition: TableDefinition) -> None:
        self._session = session
        name = definition.target.history
        self._table = Table(name.name, MetaData(), schema=name.schema)
        self._types = session.column_types(self._table)
        if not self._types:
            raise NotFoundError(
                f"There is no change history of {definition.target} yet.",
                remedy="The first `run` creates it, unless the definition has `history: false`.",
            )
        for column in self._types:
            self._table.append_column(SqlColumn(column, NullType()))
        self.columns = [column for column in self._types if column not in OWN_COLUMNS]
        self.key = [column for column in definition.key if column in self._types]

    def read(self, wanted: ChangeFilter) -> Iterator[dict[str, Any]]:
        """The changes, those of the last run first; those of one key in a run follow each other.

        Raises ValueError if a value of the key has not the type of its column.
        """
        table = self._table.c
        names = [*OWN_COLUMNS, *self.columns]
        key = [table[name] for name in self.key]
        statement = select(*map(self._shown, names)).order_by(
            table.change_run.desc(), table.change_reason, *key, table.change_operation
        )
        rows = self._session.stream(self._filtered(statement, wanted))
        return (dict(zip(names, row, strict=True)) for row in rows)

    def _shown(self, name: str) -> ColumnElement[Any]:
        """Dates of the target as text: Python has none before the year 1."""
        column = self._table.c[name]
        is_date = name in self.columns and self._types[name].startswith("timestamp")
        return cast(column, Text) if is_date else column

    def _filtered(self, statement: Select[Any], wanted: ChangeFilter) -> Select[Any]:
        table = self._table.c
        if wanted.run is not None:
            statement = statement.where(table.change_run == wanted.run)
        if wanted.since is not None:
            statement = statement.where(table.change_to >= wanted.since)
        if wanted.until is not None:
            statement = statement.where(table.change_to < wanted.until)
        for name, value in zip(self.key, wanted.key, strict=False):
            statement = statement.where(table[name] == self._value(name, value))
        return statement

    def _value(self, name: str, value: str) -> ColumnElement[Any]:
        """The value as the column's type. Raises ValueError if PostgreSQL can read no such."""
        kind = self._types[name]
        typed = cast(literal(value, Text()), _TypeNamed(kind))
        try:
            self._session.execute(select(typed))
        except DataError:
            raise ValueError(f"{value!r} is not a value of {name}, which is {kind}") from None
        return typed
