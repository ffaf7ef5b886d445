"""The plan: which periods to reload, and why. Pure: no I/O, no database."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import chain

from etl_sales_target.core.control_totals import ControlTotals, total_rows
from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.periods import MonthRange, Period


class Mode(StrEnum):
    """What somebody asked for."""

    RUN = "run"  # the periods that differ
    FULL = "full"  # every period
    BACKFILL = "backfill"  # the periods of some months


class PeriodStatus(StrEnum):
    """How a period's source compares with what the last load left in the target."""

    NEW = "new"  # never loaded, or by another digest version
    CHANGED = "changed"  # its digest or its number of rows differs
    REMOVED = "removed"  # the source has no rows of it
    DRIFTED = "drifted"  # somebody else changed the number of its rows in the target
    FORCED = "forced"  # equal, but asked for
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class LoadRequest:
    """What somebody asked for. `months` is set for a backfill alone."""

    mode: Mode
    months: MonthRange | None = None
    allow_shrink: bool = False

    @property
    def is_forced(self) -> bool:
        """Whether periods are reloaded that did not change."""
        return self.mode is not Mode.RUN


@dataclass(frozen=True, slots=True)
class LoadedPeriod:
    """What the last load of one period left in the target, and its digest in the source then."""

    rows: int
    digest: str
    digest_version: str


@dataclass(frozen=True, slots=True)
class PeriodPlan:
    """One period: why, and what it takes."""

    period: Period
    status: PeriodStatus
    rows_to_delete: int
    rows_to_copy: int


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    `source` holds each period's digest in the snapshot, `target_rows` the rows of each period that
    stand in the target; `rows_loaded` is how many the last loads left there. `entries` are in
    chronological order.
    """

    source: Mapping[Period, PeriodDigest]
    target_rows: Mapping[Period, int]
    rows_loaded: int
    entries: Sequence[PeriodPlan]

    @cached_property
    def reloads(self) -> list[PeriodPlan]:
        """The periods to reload."""
        return [entry for entry in self.entries if entry.status is not PeriodStatus.UNCHANGED]

    @cached_property
    def periods(self) -> list[Period] | None:
        """The periods to reload; None where every row of both sides lies in one of them."""
        reloads = dict.fromkeys(entry.period for entry in self.reloads)
        whole = all(period in reloads for period in chain(self.source, self.target_rows))
        return None if whole and reloads else list(reloads)

    @property
    def periods_to_read(self) -> list[Period] | None:
        """Of `periods`, those that the source has. Oracle is never asked for any other value."""
        if self.periods is None:
            return None
        return [period for period in self.periods if period in self.source]

    @property
    def statuses(self) -> dict[str, int]:
        """How many periods there are of each status."""
        found = Counter(entry.status for entry in self.entries)
        return {status.value: found[status] for status in PeriodStatus}

    @property
    def rows_source(self) -> int:
        """The rows of the whole source."""
        return total_rows(digest.totals for digest in self.source.values())

    @property
    def rows_to_delete(self) -> int:
        """The rows that leave the target."""
        return sum(entry.rows_to_delete for entry in self.reloads)

    @property
    def rows_to_copy(self) -> int:
        """The rows that the source is going to send."""
        return sum(entry.rows_to_copy for entry in self.reloads)

    @property
    def rows_after(self) -> int:
        """The rows of the target when the plan is done."""
        return sum(self.target_rows.values()) - self.rows_to_delete + self.rows_to_copy

    def digests(self) -> dict[Period, PeriodDigest | None]:
        """The digest of each reloaded period; None where the source no longer has the period."""
        return {entry.period: self.source.get(entry.period) for entry in self.reloads}

    def expected(self) -> dict[Period, ControlTotals | None]:
        """The control totals that the target must have of each reloaded period; None: no rows."""
        found = ((entry.period, self.source.get(entry.period)) for entry in self.reloads)
        return {period: digest.totals if digest else None for period, digest in found}


def make_plan(
    request: LoadRequest,
    source: Mapping[Period, PeriodDigest],
    target_rows: Mapping[Period, int],
    loaded_periods: Mapping[Period, LoadedPeriod],
    digest_version: str,
) -> Plan:
    """Compares each period's digest with the loaded period on record."""

    def entry(period: Period) -> PeriodPlan:
        digest, rows = source.get(period), target_rows.get(period, 0)
        status = _status(digest, loaded_periods.get(period), rows, digest_version)
        if status is PeriodStatus.UNCHANGED and request.is_forced:
            status = PeriodStatus.FORCED
        return PeriodPlan(period, status, rows, digest.totals.rows if digest else 0)

    known = _chronological(source.keys() | target_rows.keys() | loaded_periods.keys())
    return Plan(
        source=source,
        target_rows=target_rows,
        rows_loaded=sum(loaded.rows for loaded in loaded_periods.values()),
        entries=[
            entry(period) for period in known if request.months is None or period in request.months
        ],
    )


def _status(
    digest: PeriodDigest | None, loaded: LoadedPeriod | None, rows: int, digest_version: str
) -> PeriodStatus:
    if digest is None:
        return PeriodStatus.REMOVED
    if loaded is None or loaded.digest_version != digest_version:
        return PeriodStatus.NEW
    if loaded.digest != digest.digest or loaded.rows != digest.totals.rows:
        return PeriodStatus.CHANGED
    return PeriodStatus.UNCHANGED if loaded.rows == rows else PeriodStatus.DRIFTED


def _chronological(periods: Iterable[Period]) -> Iterator[Period]:
    return iter(sorted(periods, key=lambda period: period.sort_key))
