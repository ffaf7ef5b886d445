"""The statements that find where the target differs from staged rows. PostgreSQL's SQL.

Rows are compared as multisets: what occurs twice on one side must occur twice on the other. NULL
equals NULL, 1.0 equals 1, and two texts are equal only byte by byte.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column as SqlColumn
from sqlalchemy import (
    ColumnElement,
    Insert,
    MetaData,
    Select,
    Table,
    and_,
    cast,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import OID
from sqlalchemy.types import UserDefinedType

from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import SqlTable, only


class _Tid(UserDefinedType[str]):
    """Where a row is in its table's file."""

    cache_ok = True

    def get_col_spec(self, **_options: object) -> str:
        return "tid"


class _RowOf(UserDefinedType[Any]):
    """The row type of a table: only rows of such a type can be hashed."""

    cache_ok = True

    def __init__(self, table: str) -> None:
        self.table = table

    def get_col_spec(self, **_options: object) -> str:
        return self.table


class Differences:
    """The temporary tables of one comparison, the `number`th, and the statements between them.

    `staged` holds the source's rows, `missing` those of them that the target lacks, `surplus` those
    that the target has too many, and `places` where these are.
    """

    def __init__(self, target: SqlTable, staged: SqlTable, number: int) -> None:
        self.target = _with_place(target)
        self.staged = staged
        self.missing = SqlTable.temporary(f"etl_sales_target_missing_{number}", target.layout)
        self.surplus = SqlTable.temporary(f"etl_sales_target_surplus_{number}", target.layout)
        self.places = Table(
            f"etl_sales_target_places_{number}",
            MetaData(),
            SqlColumn("part", OID),
            SqlColumn("place", _Tid),
            schema="pg_temp",
            postgresql_on_commit="DROP",
        )

    def find_missing(self, periods: Sequence[Period] | None) -> Insert:
        """Fills `missing`, for the rows of these periods (None: of all)."""
        return _fill(self.missing, self.staged, self.target, periods)

    def find_surplus(self, periods: Sequence[Period] | None) -> Insert:
        """Fills `surplus` in the same way."""
        return _fill(self.surplus, self.target, self.staged, periods)

    def find_places(self, periods: Sequence[Period] | None) -> Insert:
        """Fills `places`: of rows that are equal, as many as `surplus` has."""
        names, target = self.surplus.layout.names, self.target.table.c
        values = self.surplus.named(names)
        wanted = (
            select(*values, func.count().label("times"), func.row_number().over().label("number"))
            .group_by(*values)
            .subquery("wanted")
        )
        row_type = _RowOf(f"pg_temp.{self.surplus.table.name}")
        found = select(
            target.tableoid,
            target.ctid,
            wanted.c.times,
            func.row_number().over(partition_by=wanted.c.number).label("nth"),
        ).join_from(
            self.target.table,
            wanted,
            _row((wanted.c[name] for name in names), row_type)
            == _row(self.target.named(names), row_type),
        )
        rows = only(periods, self.target, found).subquery("found")
        places = select(rows.c.tableoid, rows.c.ctid).where(rows.c.nth <= rows.c.times)
        return insert(self.places).from_select(["part", "place"], places)

    @property
    def is_placed(self) -> ColumnElement[bool]:
        """Whether a row of the target is one of `places`."""
        target, places = self.target.table.c, self.places.c
        return and_(target.tableoid == places.part, target.ctid == places.place)


def _with_place(sql: SqlTable) -> SqlTable:
    """The table with the system columns that say where a row is."""
    return SqlTable(
        sql.name, sql.layout, further=(SqlColumn("tableoid", OID), SqlColumn("ctid", _Tid))
    )


def _fill(
    into: SqlTable, these: SqlTable, those: SqlTable, periods: Sequence[Period] | None
) -> Insert:
    found = _rows(these, periods).except_all(_rows(those, periods))
    return insert(into.table).from_select(list(into.layout.names), found)


def _rows(sql: SqlTable, periods: Sequence[Period] | None) -> Select[Any]:
    return only(periods, sql, select(*map(sql.comparable, sql.layout.names)))


def _row(values: Any, row_type: _RowOf) -> ColumnElement[Any]:
    return cast(func.row(*values), row_type)
