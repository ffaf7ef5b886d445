"""Columns of existing tables: whether they keep every value, and the statement that mends them."""

import re
from typing import Any

from sqlalchemy import Column as SqlColumn
from sqlalchemy.schema import CreateColumn

from etl_sales_target.core.columns import Column, Kind
from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.postgres.session import PostgresSession

_TIMESTAMP = re.compile(r"timestamp(?:\((\d)\))? without time zone")
_MOST_FRACTION_DIGITS = 6

# Types of which the needed type keeps every value. Not CHAR: the cast drops its blanks.
_NARROWER = {
    Kind.NUMBER: re.compile(r"numeric\(.*\)|smallint|integer|bigint"),
    Kind.TEXT: re.compile(r"character varying\(\d+\)"),
    Kind.DATETIME: re.compile(r"date|timestamp\(\d\) without time zone"),
}


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


def require_type(
    session: PostgresSession,
    sql_column: SqlColumn[Any],
    column: Column,
    found: str,
    *,
    then: str,
) -> None:
    """Raises NotFoundError unless a column of the type `found` keeps every value exactly.

    `then` completes the suggested fix, after the statement.
    """
    if not holds(found, column):
        raise NotFoundError(
            f"Column {column.name} of {sql_column.table} is {found}, and {column.type.source} of "
            f"the source needs {column.type.target}.",
            remedy=f"{_alteration(session, sql_column, column, found)}; {then}",
            column=column.name,
        )


def _alteration(
    session: PostgresSession, sql_column: SqlColumn[Any], column: Column, found: str
) -> str:
    """The statement that gives a column of the type `found` the type that it needs."""
    table, name = session.name_of(sql_column.table), session.name_of_column(sql_column)
    if _NARROWER[column.type.kind].fullmatch(found):
        return f"ALTER TABLE {table} ALTER COLUMN {name} TYPE {column.type.target}"
    added = session.sql_of(CreateColumn(sql_column))
    return f"ALTER TABLE {table} DROP COLUMN {name}, ADD COLUMN {added}"
