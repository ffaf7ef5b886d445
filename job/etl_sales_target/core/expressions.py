"""What both databases compute of a value, each in its own SQL.

Sources: Oracle's SQL Language Reference and PostgreSQL's chapter "Functions and Operators". Nothing
here depends on a session's NLS or DateStyle settings.

SQLAlchemy does not keep the compiled SQL, as it would not see the attributes beside the clauses.
"""

from typing import Any

from sqlalchemy import TIMESTAMP, ColumnElement, Numeric, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_ORACLE_CALENDAR = "'NLS_CALENDAR=GREGORIAN'"


class CodePoints(FunctionElement[Any]):
    """The length of a text in code points."""

    type = Numeric()
    inherit_cache = False


@compiles(CodePoints, "oracle")
def _(element: CodePoints, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"LENGTH4({compiler.process(element.clauses, **kwargs)})"


@compiles(CodePoints, "postgresql")
def _(element: CodePoints, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"char_length({compiler.process(element.clauses, **kwargs)})"


class DatePart(FunctionElement[Any]):
    """The year, negative before the common era, or the month of a date."""

    type = Numeric()
    inherit_cache = False

    def __init__(self, part: str, date: ColumnElement[Any]) -> None:
        super().__init__(date)
        self.part = part


@compiles(DatePart, "oracle")
def _(element: DatePart, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"EXTRACT({element.part} FROM {compiler.process(element.clauses, **kwargs)})"


@compiles(DatePart, "postgresql")
def _(element: DatePart, compiler: SQLCompiler, **kwargs: Any) -> str:
    date = compiler.process(element.clauses, **kwargs)
    return f"CAST(EXTRACT({element.part} FROM {date}) AS NUMERIC)"


class MonthOf(FunctionElement[Any]):
    """The first moment of a date's calendar month.

    To group by it takes PostgreSQL half the time of grouping by a year and a month.
    """

    type = TIMESTAMP()
    inherit_cache = False


@compiles(MonthOf, "oracle")
def _(element: MonthOf, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"TRUNC({compiler.process(element.clauses, **kwargs)}, 'MM')"


@compiles(MonthOf, "postgresql")
def _(element: MonthOf, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"date_trunc('month', {compiler.process(element.clauses, **kwargs)})"


class _CivilFields(FunctionElement[Any]):
    inherit_cache = False

    def __init__(self, date: ColumnElement[Any], fraction_digits: int) -> None:
        super().__init__(date)
        self.fraction_digits = fraction_digits


class CivilText(_CivilFields):
    """A date as PostgreSQL reads it, such as 2024-01-31 23:59:59.5 or 0012-03-01 00:00:00 BC.

    Its civil fields are kept, never a count of days: before 15 October 1582 the two databases
    count days by different calendars. Oracle's SQL alone.
    """

    type = Text()
    inherit_cache = False


@compiles(CivilText, "oracle")
def _(element: CivilText, compiler: SQLCompiler, **kwargs: Any) -> str:
    date = compiler.process(element.clauses, **kwargs)
    fraction = f".FF{element.fraction_digits}" if element.fraction_digits else ""
    return (
        f"TO_CHAR({date}, 'YYYY-MM-DD HH24:MI:SS{fraction}', {_ORACLE_CALENDAR})"
        f" || CASE WHEN EXTRACT(YEAR FROM {date}) < 0 THEN ' BC' END"
    )


class CivilDigits(_CivilFields):
    """The civil fields of a date in one row of digits, with its sign. Oracle's SQL alone."""

    type = Text()
    inherit_cache = False


@compiles(CivilDigits, "oracle")
def _(element: CivilDigits, compiler: SQLCompiler, **kwargs: Any) -> str:
    date = compiler.process(element.clauses, **kwargs)
    fraction = f"FF{element.fraction_digits}" if element.fraction_digits else ""
    return f"TO_CHAR({date}, 'SYYYYMMDDHH24MISS{fraction}', {_ORACLE_CALENDAR})"


class CivilNumber(_CivilFields):
    """The same as a number; in PostgreSQL NULL for an infinite date."""

    type = Numeric()
    inherit_cache = False


@compiles(CivilNumber, "oracle")
def _(element: CivilNumber, compiler: SQLCompiler, **kwargs: Any) -> str:
    (date,) = element.clauses
    digits = CivilDigits(date, element.fraction_digits)
    return f"TO_NUMBER({compiler.process(digits, **kwargs)})"


@compiles(CivilNumber, "postgresql")
def _(element: CivilNumber, compiler: SQLCompiler, **kwargs: Any) -> str:
    date = compiler.process(element.clauses, **kwargs)
    # PostgreSQL's US has six digits; those beyond the column's own are 0.
    unit = 10 ** (6 - element.fraction_digits)
    digits = f"to_char({date}, 'YYYYMMDDHH24MISSUS')::numeric"
    if not element.fraction_digits:
        digits, unit = f"to_char({date}, 'YYYYMMDDHH24MISS')::numeric", 1
    scaled = digits if unit == 1 else f"div({digits}, {unit})"
    sign = f"CASE WHEN EXTRACT(YEAR FROM {date}) < 0 THEN -1 ELSE 1 END"
    return f"CASE WHEN isfinite({date}) THEN {scaled} * {sign} END"
