"""Oracle's column types, as the driver describes them: those that the job loads.

Every value of these types is kept exactly; every other type is refused by name.
"""

from collections.abc import Sequence

import oracledb

from etl_sales_target.core.columns import Column, ColumnType, Kind
from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.core.names import TableName

_TEXTS = {
    oracledb.DB_TYPE_VARCHAR: "VARCHAR2",
    oracledb.DB_TYPE_NVARCHAR: "NVARCHAR2",
    oracledb.DB_TYPE_CHAR: "CHAR",
    oracledb.DB_TYPE_NCHAR: "NCHAR",
}

# What Oracle's DDL calls the types for which the driver has another name.
_REFUSED = {
    oracledb.DB_TYPE_TIMESTAMP_TZ: "TIMESTAMP WITH TIME ZONE",
    oracledb.DB_TYPE_TIMESTAMP_LTZ: "TIMESTAMP WITH LOCAL TIME ZONE",
    oracledb.DB_TYPE_INTERVAL_DS: "INTERVAL DAY TO SECOND",
    oracledb.DB_TYPE_INTERVAL_YM: "INTERVAL YEAR TO MONTH",
    oracledb.DB_TYPE_LONG_RAW: "LONG RAW",
}

# The precision that the driver gives for a NUMBER without one, and the scale of a floating NUMBER.
_UNCONSTRAINED = 0
_FLOATING_SCALE = -127

# PostgreSQL keeps microseconds.
_MOST_FRACTION_DIGITS = 6

# YYYY-MM-DD HH24:MI:SS.FF6 BC
_DATETIME_BYTES = 29


def describe(source: TableName, found: Sequence[oracledb.FetchInfo]) -> tuple[Column, ...]:
    """The columns that the driver describes.

    Raises NotFoundError for a column of a type that the job does not load, or whose name is not in
    upper case in Oracle.
    """
    columns = {each.name: _column(each) for each in found}
    kept = [column for column in columns.values() if isinstance(column, Column)]
    for name, fault in columns.items():
        if isinstance(fault, str):
            raise NotFoundError(
                f"Column {_shown(name)} of {source} {fault}.",
                remedy=f"Leave it out, with `columns: [{', '.join(each.name for each in kept)}]` "
                "in ETL_TABLES_FILE.",
                column=name.lower(),
            )
    return tuple(kept)


def _shown(name: str) -> str:
    return name.lower() if name == name.upper() else f'"{name}"'


def _column(found: oracledb.FetchInfo) -> Column | str:
    """The column, or why it cannot be loaded: the end of a sentence that begins with its name."""
    if found.name != found.name.upper():
        return "is not in upper case in Oracle"
    column_type = _column_type(found)
    if column_type is None:
        return f"is {_name(found)}, a type that the job does not load"
    return Column(found.name.lower(), column_type)


def _column_type(found: oracledb.FetchInfo) -> ColumnType | None:
    type_code = found.type_code
    if type_code is oracledb.DB_TYPE_NUMBER:
        return ColumnType(Kind.NUMBER, _name(found))
    if type_code in _TEXTS:
        return ColumnType(Kind.TEXT, _name(found), most_bytes=found.internal_size or 0)
    if type_code is oracledb.DB_TYPE_DATE:
        return ColumnType(Kind.DATETIME, "DATE", most_bytes=_DATETIME_BYTES)
    if type_code is oracledb.DB_TYPE_TIMESTAMP and (found.scale or 0) <= _MOST_FRACTION_DIGITS:
        digits = found.scale or 0
        return ColumnType(Kind.DATETIME, _name(found), digits, most_bytes=_DATETIME_BYTES)
    return None


def _name(found: oracledb.FetchInfo) -> str:
    """The type as Oracle's DDL spells it, such as NUMBER(10,2)."""
    type_code = found.type_code
    if type_code is oracledb.DB_TYPE_NUMBER:
        return _number(found.precision or _UNCONSTRAINED, found.scale or 0)
    if type_code in _TEXTS:
        return f"{_TEXTS[type_code]}({found.display_size})"
    if type_code is oracledb.DB_TYPE_TIMESTAMP:
        return f"TIMESTAMP({found.scale or 0})"
    return _REFUSED.get(type_code) or str(type_code.name).removeprefix("DB_TYPE_")


def _number(precision: int, scale: int) -> str:
    if scale == _FLOATING_SCALE:
        return f"FLOAT({precision})" if precision else "NUMBER"
    if not precision:
        return "NUMBER"
    return f"NUMBER({precision},{scale})" if scale else f"NUMBER({precision})"


def is_as_described(found: oracledb.FetchInfo, column: Column) -> bool:
    """Whether a query of the rows delivers the column as expected: a NUMBER, or else a text."""
    if column.type.kind is Kind.NUMBER:
        return found.type_code is oracledb.DB_TYPE_NUMBER
    return found.type_code in _TEXTS
