"""Periods: the parts into which a table is divided, a year and month each."""

import contextlib
import sys
from dataclasses import dataclass
from decimal import Decimal

_NULL = "NULL"


def _text(number: Decimal | None) -> str:
    if number is None:
        return _NULL
    # Not normalize(): it rounds to the context's 28 digits.
    digits = f"{number:f}"
    return sys.intern(digits.rstrip("0").rstrip(".") if "." in digits else digits)


def _unless_null(text: str) -> str | None:
    return None if text == _NULL else text


def _rank(text: str) -> tuple[int, int | Decimal]:
    if text == _NULL:
        return 2, 0
    with contextlib.suppress(ValueError):
        return 0, int(text)  # A quarter of a Decimal's memory.
    number = Decimal(text)
    return (0, number) if number.is_finite() else (1, 0)


class Period:
    """A year and month as they stand in the table: any NUMBER, or NULL.

    In the target they may be anything that NUMERIC holds, NaN and Infinity included. Both are kept
    as text, in one spelling for each value, which makes NaN equal to itself. Periods share the
    texts that they have in common: there may be hundreds of thousands.
    """

    __slots__ = ("_month", "_year")

    def __init__(self, year: Decimal | None, month: Decimal | None) -> None:
        self._year = _text(year)
        self._month = _text(month)

    @property
    def texts(self) -> tuple[str | None, str | None]:
        """Year and month in plain digits, None for NULL."""
        return _unless_null(self._year), _unless_null(self._month)

    @property
    def year(self) -> Decimal | None:
        """None for NULL."""
        return None if self._year == _NULL else Decimal(self._year)

    @property
    def month(self) -> Decimal | None:
        """None for NULL."""
        return None if self._month == _NULL else Decimal(self._month)

    def __str__(self) -> str:
        """Readable and unique: 2024-01, NULL-NULL."""
        return f"{self._year}-{self._month.zfill(2)}"

    def __repr__(self) -> str:
        return f"<Period {self}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, type(self))
            and self._year == other._year
            and self._month == other._month
        )

    def __hash__(self) -> int:
        return hash((self._year, self._month))

    @property
    def sort_key(self) -> tuple[int, int | Decimal, int, int | Decimal]:
        """Chronological; then what is no number, then NULL."""
        return *_rank(self._year), *_rank(self._month)

    @property
    def is_calendar_month(self) -> bool:
        """Whether the month is one of 1 to 12, and the year is a number."""
        year = self.year
        return year is not None and year.is_finite() and self.month in range(1, 13)


class _WholeTable(Period):
    """The one period of a table that is not divided."""

    __slots__ = ()

    def __str__(self) -> str:
        return "all"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _WholeTable)

    __hash__ = Period.__hash__


WHOLE_TABLE = _WholeTable(None, None)


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
