"""The proof: what the source says of each period is what the target says of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from etl_sales_target.errors import DataError
from etl_sales_target.model import Figures, Period, Plan

_SHOWN = 5
_NOTHING = Figures(rows=0, non_null={}, sums={})


@dataclass(frozen=True)
class Mismatch:
    """One figure of one period that differs. `expected` is the source's."""

    period: Period
    figure: str
    expected: Decimal | int | None
    actual: Decimal | int | None

    def __str__(self) -> str:
        return f"{self.period} {self.figure}: expected {self.expected}, found {self.actual}"


def prove(plan: Plan, loaded: Mapping[Period, Figures], *, rows_copied: int) -> None:
    """Raises DataError unless every reloaded period is equal on both sides.

    `loaded` is what the target holds now, inside the load transaction.
    """
    if rows_copied != plan.rows_to_copy:
        raise DataError(
            f"The source's snapshot counts {plan.rows_to_copy} rows, but sent {rows_copied}.",
            remedy="Nothing was committed. Run again; if it happens again, report it.",
        )
    mismatches = list(compare(plan.source, loaded, plan.periods))
    if mismatches:
        shown = "; ".join(map(str, mismatches[:_SHOWN]))
        raise DataError(
            f"The target is not equal to the source in {len(mismatches)} figures: {shown}.",
            remedy="Nothing was committed. Look for triggers or rules on the target.",
            mismatches=[str(mismatch) for mismatch in mismatches[:_SHOWN]],
        )


def compare(
    source: Mapping[Period, Figures], target: Mapping[Period, Figures], periods: Iterable[Period]
) -> Iterator[Mismatch]:
    """Every figure of these periods that differs."""
    for period in periods:
        expected, actual = source.get(period, _NOTHING), target.get(period, _NOTHING)
        if expected.rows != actual.rows:
            yield Mismatch(period, "rows", expected.rows, actual.rows)
            continue
        for column, count in expected.non_null.items():
            if count != actual.non_null[column]:
                yield Mismatch(period, f"non-null {column}", count, actual.non_null[column])
        for column, total in expected.sums.items():
            if total != actual.sums[column]:
                yield Mismatch(period, f"sum of {column}", total, actual.sums[column])
