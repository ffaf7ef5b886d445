"""Periods: the parts into which a table is divided, a year and month each."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, eq=False)
class Period:
    """A year and month as they stand in the table: any NUMBER, or NULL.

    In the target they may be anything that NUMERIC holds, NaN and Infinity included.
    """

    year: Decimal | None
    month: Decimal | None

    def __str__(self) -> str:
        """Readable and unique: 2024-01, NULL-NULL."""
        return f"{_text(self.year)}-{_text(self.month, width=2)}"

    # By their text: NaN is not equal to itself as a number.

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Period) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def sort_key(self) -> tuple[tuple[int, Decimal], tuple[int, Decimal]]:
        """Chronological; then what is no number, then NULL."""
        return _rank(self.year), _rank(self.month)

    @property
    def is_calendar_month(self) -> bool:
        """Whether the month is one of 1 to 12, and the year is a number."""
        return self.year is not None and self.year.is_finite() and self.month in range(1, 13)


class _WholeTable(Period):
    """The one period of a table that is not divided."""

    __slots__ = ()

    def __str__(self) -> str:
        return "all"


WHOLE_TABLE = _WholeTable(None, None)


def _rank(number: Decimal | None) -> tuple[int, Decimal]:
    if number is None:
        return 2, Decimal(0)
    return (0, number) if number.is_finite() else (1, Decimal(0))


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
