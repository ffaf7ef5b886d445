"""The values that the steps hand to each other. No I/O, no database."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

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
        return f"{_text(self.year)}-{_text(self.month, width=2)}"

    @property
    def sort_key(self) -> tuple[bool, Decimal, bool, Decimal]:
        """Chronological, NULL last."""
        zero = Decimal(0)
        return (self.year is None, self.year or zero, self.month is None, self.month or zero)


def _text(number: Decimal | None, *, width: int = 0) -> str:
    return "NULL" if number is None else f"{number.normalize():f}".zfill(width)


@dataclass(frozen=True)
class Months:
    """The calendar months `first` to `last`, both inclusive, each a (year, month)."""

    first: tuple[int, int]
    last: tuple[int, int]

    def __contains__(self, period: Period) -> bool:
        if period.year is None or period.month is None:
            return False
        return self.first <= (period.year, period.month) <= self.last


@dataclass(frozen=True)
class Figures:
    """What the proof compares in one period: rows, and each column's non-null count and sum."""

    rows: int
    non_null: Mapping[str, int]
    sums: Mapping[str, Decimal | None]


@dataclass(frozen=True)
class Plan:
    """The periods to reload, and what stands on both sides before the load."""

    source: Mapping[Period, Figures]
    target: Mapping[Period, Figures]
    periods: Sequence[Period]

    @property
    def is_whole_table(self) -> bool:
        """Whether every row of both sides lies in a period that is reloaded."""
        return set(self.periods) == self.source.keys() | self.target.keys()

    @property
    def rows_to_copy(self) -> int:
        return _rows(self.source, self.periods)

    @property
    def rows_to_delete(self) -> int:
        return _rows(self.target, self.periods)


def _rows(figures: Mapping[Period, Figures], periods: Iterable[Period]) -> int:
    return sum(figures[period].rows for period in periods if period in figures)


@dataclass
class Report:
    """What a run did: filled in as the run goes, so that a failed run has one too."""

    run_id: str
    command: str
    phase: str = "start"
    snapshot: str | None = None
    periods: int = 0
    rows_source: int = 0
    rows_deleted: int = 0
    rows_copied: int = 0
    rows_per_second: int = 0
    bytes_from_oracle: int | None = None
    bytes_to_postgres: int = 0
    peak_memory_bytes: int = 0
    seconds: float = 0.0
    phase_seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    def as_fields(self) -> dict[str, Any]:
        """All fields but those that every log line carries."""
        fields = dataclasses.asdict(self)
        del fields["run_id"]
        return fields
