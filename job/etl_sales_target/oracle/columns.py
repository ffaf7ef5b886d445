"""Oracle's column types, as the driver describes them: which the job keeps exactly.

Every other type is refused by name: what cannot be kept exactly is never rounded.
"""

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

# What the driver says of a NUMBER without precision, and the scale of one that floats.
_UNCONSTRAINED = 0
_FLOATING_SCALE = -127

# PostgreSQL keeps microseconds.
_MOST_FRACTION_DIGITS = 6

# YYYY-MM-DD HH24:MI:SS.FF6 BC
_DATETIME_BYTES = 29


def describe(source: TableName, found: oracledb.FetchInfo) -> Column:
    """The column that the driver describes.

    Raises NotFoundError where the job cannot keep its values exactly, or where its name is not in
    upper case in Oracle.
    """
    column_type = _column_type(found)
    if column_type is None:
        raise NotFoundError(
            f"Column {found.name.lower()} of {source} is {_name(found)}, which cannot be kept "
            "exactly.",
            remedy="Leave it out: list the other columns under `columns` in ETL_TABLES_FILE.",
            column=found.name.lower(),
        )
    if found.name != found.name.upper():
        raise NotFoundError(
            f'Column "{found.name}" of {source} is not in upper case in Oracle.',
            remedy="Leave it out: list the other columns under `columns` in ETL_TABLES_FILE.",
            column=found.name,
        )
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
    """The type as Oracle's DDL has it, such as NUMBER(10,2)."""
    type_code = found.type_code
    if type_code is oracledb.DB_TYPE_NUMBER:
        return _number(found.precision or _UNCONSTRAINED, found.scale or 0)
    if type_code in _TEXTS:
        return f"{_TEXTS[type_code]}({found.display_size})"
    if type_code is oracledb.DB_TYPE_TIMESTAMP:
        return f"TIMESTAMP({found.scale or 0})"
    return str(type_code.name).removeprefix("DB_TYPE_").replace("_", " ")


def _number(precision: int, scale: int) -> str:
    if scale == _FLOATING_SCALE:
        return f"FLOAT({precision})" if precision else "NUMBER"
    if not precision:
        return "NUMBER"
    return f"NUMBER({precision},{scale})" if scale else f"NUMBER({precision})"


def is_as_described(found: oracledb.FetchInfo, column: Column) -> bool:
    """Whether a query delivers the column as the job takes it: dates come as texts."""
    if column.type.kind is Kind.NUMBER:
        return found.type_code is oracledb.DB_TYPE_NUMBER
    return found.type_code in _TEXTS
