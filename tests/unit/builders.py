"""Small values for the tests of the pure modules."""

from decimal import Decimal

from etl_sales_target.core.periods import Content, Figures, Period, Receipt
from etl_sales_target.core.statements import COLUMNS

RECIPE = "recipe 1"


def number(value: str | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def period(year: str | int | None, month: str | int | None) -> Period:
    return Period(number(year), number(month))


def figures(rows: int, *, nulls: dict[str, int] | None = None, **sums: str | int | None) -> Figures:
    """Figures of this many rows: no NULLs but these, and all sums 0 but these."""
    return Figures(
        rows=rows,
        non_null={column: rows - (nulls or {}).get(column, 0) for column in COLUMNS},
        sums={column: number(sums.get(column, 0)) for column in COLUMNS},
    )


def content(rows: int, digest: str = "1:2", *, nulls: dict[str, int] | None = None) -> Content:
    return Content(figures(rows, nulls=nulls), digest)


def receipt(rows: int, digest: str = "1:2", recipe: str = RECIPE) -> Receipt:
    return Receipt(rows, digest, recipe)
