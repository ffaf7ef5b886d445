"""Small values for the tests of the pure modules."""

from decimal import Decimal

from etl_sales_target.core.columns import NUMBER, Column
from etl_sales_target.core.control_totals import ControlTotals
from etl_sales_target.core.definitions import TableLayout, sales_target
from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.names import TableName
from etl_sales_target.core.periods import Period
from etl_sales_target.core.plan import LoadedPeriod

Number = str | int | Decimal

DIGEST_VERSION = "digest_version 1"

DEFINITION = sales_target(TableName("apps", "sales"), TableName("mb", "sales"))
COLUMNS = ("id", "product_id", "target_month", "target_year", "target_amount")
LAYOUT = TableLayout(DEFINITION, tuple(Column(name, NUMBER) for name in COLUMNS))


def number(value: Number | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def period(year: Number | None, month: Number | None) -> Period:
    return Period(number(year), number(month))


def control_totals(
    rows: int, *, nulls: dict[str, int] | None = None, **sums: Number | None
) -> ControlTotals:
    """ControlTotals of this many rows: no NULLs but these, and all sums 0 but these."""
    return ControlTotals.of(
        rows=rows,
        non_null=tuple(rows - (nulls or {}).get(column, 0) for column in COLUMNS),
        sums=tuple(number(sums.get(column, 0)) for column in COLUMNS),
    )


def content(rows: int, digest: str = "1:2", *, nulls: dict[str, int] | None = None) -> PeriodDigest:
    return PeriodDigest(control_totals(rows, nulls=nulls), digest)


def loaded_period(
    rows: int, digest: str = "1:2", digest_version: str = DIGEST_VERSION
) -> LoadedPeriod:
    return LoadedPeriod(rows, digest, digest_version)
