"""The values that the steps hand to each other. No I/O, no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

# One row as both drivers carry it: each NUMBER as its exact decimal text.
Row = tuple[str | None, ...]
Batch = list[Row]


@dataclass(frozen=True)
class TableName:
    """A table's schema (in Oracle: owner) and name, in lower case: both databases fold it."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Period:
    """A year and month as they stand in the table: any NUMBER, or NULL."""

    year: Decimal | None
    month: Decimal | None

    def __str__(self) -> str:
        """Readable and unique: 2024-01, NULL-NULL."""
        return f"{_text(self.year)}-{_text(self.month, width=2)}"

    @property
    def sort_key(self) -> tuple[bool, Decimal, bool, Decimal]:
        """Chronological, NULL last."""
        zero = Decimal(0)
        return (self.year is None, self.year or zero, self.month is None, self.month or zero)

    @property
    def is_calendar_month(self) -> bool:
        """Whether the month is one of 1 to 12, and the year is there."""
        return self.year is not None and self.month in range(1, 13)


def _text(number: Decimal | None, *, width: int = 0) -> str:
    if number is None:
        return "NULL"
    # Not normalize(): it rounds to the context's 28 digits.
    digits = f"{number:f}"
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits).zfill(width)


@dataclass(frozen=True)
class MonthRange:
    """The calendar months `first` to `last`, both inclusive, each a (year, month)."""

    first: tuple[int, int]
    last: tuple[int, int]

    def __contains__(self, period: Period) -> bool:
        if period.year is None or period.month is None or not period.is_calendar_month:
            return False
        first, last = (tuple(map(Decimal, month)) for month in (self.first, self.last))
        return first <= (period.year, period.month) <= last


@dataclass(frozen=True)
class ControlTotals:
    """What the proof compares in one period: rows, and each column's non-null count and sum."""

    rows: int
    non_null: Mapping[str, int]
    sums: Mapping[str, Decimal | None]


def total_rows(control_totals: Iterable[ControlTotals]) -> int:
    """The rows of all these periods."""
    return sum(each.rows for each in control_totals)


@dataclass(frozen=True)
class PeriodDigest:
    """What the source's snapshot holds in one period; equal digests mean equal rows."""

    totals: ControlTotals
    digest: str


@dataclass(frozen=True)
class LoadedPeriod:
    """What the last load of one period left in the target, and by which digest version."""

    rows: int
    digest: str
    digest_version: str
