"""Reconciliation: what the source says of each period is what the target says of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Decimal, localcontext
from typing import Any

from etl_sales_target.core.columns import Column
from etl_sales_target.core.control_totals import ControlTotals, Magnitudes, sum_of
from etl_sales_target.core.copy_format import Batch
from etl_sales_target.core.errors import DataError, Reason
from etl_sales_target.core.periods import Period

_SHOWN = 5

# What Oracle promises of a NUMBER (Database SQL Language Reference, "Data Types").
_ORACLE_DIGITS = 38

FindMagnitudes = Callable[[Sequence[Period]], Magnitudes]


@dataclass(frozen=True)
class Mismatch:
    """One control total of one period that differs. `expected` is the source's.

    `position` is that of the column, where it is a sum.
    """

    period: Period
    name: str
    expected: Decimal | int | None
    actual: Decimal | int | None
    position: int | None = None

    def __str__(self) -> str:
        return f"{self.period} {self.name}: expected {self.expected}, found {self.actual}"


@dataclass(frozen=True)
class RowDifference:
    """Rows that one side has and the other has not: how many, and the first twenty."""

    count: int = 0
    rows: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True)
class Verification:
    """What `verify` found. The differences are None where only control totals were compared."""

    columns: Sequence[str]
    periods: int
    rows: int
    mismatches: Sequence[Mismatch]
    only_in_source: RowDifference | None = None
    only_in_target: RowDifference | None = None

    @property
    def is_equal(self) -> bool:
        """Whether no difference was found."""
        differences = (self.only_in_source, self.only_in_target)
        return not self.mismatches and not any(each and each.count for each in differences)


class VerifyError(DataError):
    """Source and target are not equal."""


class ReconciliationError(DataError):
    """Source and target would not be equal."""

    reason = Reason.RECONCILIATION_FAILED


def at_most(rows: int, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches, as long as they hold no more rows than the snapshot counted.

    Raises ReconciliationError at once where they do: a source that never ends must not fill
    the target.
    """
    sent = 0
    for batch in batches:
        sent += len(batch)
        if sent > rows:
            raise ReconciliationError(
                f"The source sent more rows than the {rows} that it had counted.",
                remedy="Nothing was committed. Two queries of one snapshot disagree: ask the DBA.",
            )
        yield batch


def reconcile(
    expected: Mapping[Period, ControlTotals | None],
    actual: Mapping[Period, ControlTotals],
    *,
    columns: Sequence[Column],
    magnitudes: FindMagnitudes,
    rows: Mapping[str, tuple[int, int]],
) -> None:
    """Raises ReconciliationError unless all control totals and row counts are equal.

    `columns` and `magnitudes` are as for `compare`; `rows` are further counts by name: what the
    source says, and what was found.
    """
    remedy = (
        "Nothing was committed. Look for triggers, rules or row level security on the target; "
        "`verify --rows` shows rows that differ."
    )
    mismatches = compare(expected, actual, columns=columns, magnitudes=magnitudes)
    found = [
        *map(str, mismatches[:_SHOWN]),
        *(f"{name}: expected {a}, found {b}" for name, (a, b) in rows.items() if a != b),
    ]
    if found:
        raise ReconciliationError(
            f"The reconciliation failed: {'; '.join(found)}.", remedy=remedy, mismatches=found
        )


def compare(
    expected: Mapping[Period, ControlTotals | None],
    actual: Mapping[Period, ControlTotals],
    *,
    columns: Sequence[Column],
    magnitudes: FindMagnitudes,
) -> list[Mismatch]:
    """What differs in the expected periods: the rows, or else the non-null counts and sums.

    The control totals are of these columns, in order. `magnitudes` finds, in the target, the sums
    of absolute values of some periods by column. It is asked only where a sum differs: Oracle may
    have rounded it.
    """
    found = list(_differences(expected, actual, columns))
    doubtful = {mismatch.period for mismatch in found if mismatch.position is not None}
    sizes = magnitudes(list(doubtful)) if doubtful else {}
    return [mismatch for mismatch in found if not _may_be_rounded(mismatch, actual, sizes)]


def _differences(
    expected: Mapping[Period, ControlTotals | None],
    actual: Mapping[Period, ControlTotals],
    columns: Sequence[Column],
) -> Iterator[Mismatch]:
    for period, totals in expected.items():
        rows = totals.rows if totals else 0
        found = actual.get(period)
        found_rows = found.rows if found else 0
        if rows != found_rows:
            yield Mismatch(period, "rows", rows, found_rows)
        elif totals and found and totals != found:
            yield from _column_differences(period, totals, found, columns)


def _column_differences(
    period: Period, expected: ControlTotals, actual: ControlTotals, columns: Sequence[Column]
) -> Iterator[Mismatch]:
    for position, column in enumerate(columns):
        counts = expected.non_null[position], actual.non_null[position]
        if counts[0] != counts[1]:
            yield Mismatch(period, f"non-null {column.name}", *counts)
        sums = expected.sums[position], actual.sums[position]
        if sums[0] != sums[1]:
            yield Mismatch(period, sum_of(column), *sums, position)


def _may_be_rounded(
    mismatch: Mismatch, actual: Mapping[Period, ControlTotals], magnitudes: Magnitudes
) -> bool:
    """Whether the source's sum is as near to the target's as Oracle can say.

    PostgreSQL's sums are exact. Oracle rounds each addition to 38 significant digits or more, at
    the size of what has been added up so far, which is at most the sum of the absolute values:
    what cancels in the end was there on the way. Where the digits from there to the last one of
    the values are 38 or less, nothing is rounded.
    """
    source, target = mismatch.expected, mismatch.actual
    position = mismatch.position
    if position is None or not isinstance(source, Decimal) or not isinstance(target, Decimal):
        return False
    highest = magnitudes[mismatch.period][position].adjusted()
    lowest = target.as_tuple().exponent  # PostgreSQL's sum keeps the decimals of all values.
    if not isinstance(lowest, int) or highest - lowest + 1 <= _ORACLE_DIGITS:
        return False
    additions = actual[mismatch.period].rows - 1
    with localcontext(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN):
        last_digit = Decimal(1).scaleb(highest - _ORACLE_DIGITS + 1)
        return abs(source - target) <= additions * last_digit
