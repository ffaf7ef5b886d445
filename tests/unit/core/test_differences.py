"""No collation of the target makes two different rows equal: its texts are compared byte by byte.

The embedded PostgreSQL has no collation that equates texts, so the SQL is looked at.
"""

from typing import Any

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from etl_sales_target.core.columns import NUMBER, TEXT, Column
from etl_sales_target.core.definitions import TableDefinition, TableLayout
from etl_sales_target.core.differences import Differences
from etl_sales_target.core.names import TableName
from etl_sales_target.core.statements import SqlTable

LAYOUT = TableLayout(
    TableDefinition(TableName("apps", "codes"), TableName("mb", "codes")),
    (Column("code", TEXT), Column("n", NUMBER)),
)
TARGET = SqlTable(LAYOUT.definition.target, LAYOUT)


@pytest.fixture
def differences() -> Differences:
    return Differences(TARGET, SqlTable.temporary("staged", LAYOUT), 0)


def sql(statement: Any) -> str:
    compiled = statement.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    return " ".join(str(compiled).split())


def test_both_sides_of_a_difference(differences: Differences) -> None:
    for statement in (differences.find_missing(None), differences.find_surplus(None)):
        assert sql(statement).count('code COLLATE "C" AS code') == 2
        assert "n COLLATE" not in sql(statement)


def test_the_temporary_tables(differences: Differences) -> None:
    for table in (differences.staged, differences.missing, differences.surplus):
        assert 'code TEXT COLLATE "C"' in sql(CreateTable(table.table))


def test_rows_are_found_as_rows_of_such_a_table(differences: Differences) -> None:
    """A row's type says how its texts are compared."""
    found = sql(differences.find_places(None))

    row_type = f"pg_temp.{differences.surplus.table.name})"
    assert f"AS {row_type} = CAST(row(mb.codes.code, mb.codes.n) AS {row_type}" in found
