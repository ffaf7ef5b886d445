"""The plan: which periods to reload, and why. Pure: no I/O, no database."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from etl_sales_target.core.periods import (
    ControlTotals,
    LoadedPeriod,
    MonthRange,
    Period,
    PeriodDigest,
    total_rows,
)


class PeriodStatus(StrEnum):
    """How a period's source compares with what the last load left in the target."""

    NEW = "new"  # never loaded, or by another digest_version
    CHANGED = "changed"  # its digest differs
    REMOVED = "removed"  # it is no longer in the source
    DRIFTED = "drifted"  # somebody else changed the number of its rows in the target
    FORCED = "forced"  # equal, but asked for
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class LoadRequest:
    """What somebody asked for. `months` None: all periods. `force`: equal ones as well."""

    mode: str
    months: MonthRange | None = None
    force: bool = False
    allow_shrink: bool = False


@dataclass(frozen=True)
class PeriodPlan:
    """One period: why, and what it takes."""

    period: Period
    status: PeriodStatus
    rows_to_delete: int
    rows_to_copy: int


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    `source` holds each period's content in the snapshot, `target_rows` and `loaded_rows` the rows
    of each period that stand in the target and that the last load left there.
    """

    source: Mapping[Period, PeriodDigest]
    target_rows: Mapping[Period, int]
    loaded_rows: Mapping[Period, int]
    entries: Sequence[PeriodPlan]

    @property
    def reloads(self) -> list[PeriodPlan]:
        """The periods to reload."""
        return [entry for entry in self.entries if entry.status is not PeriodStatus.UNCHANGED]

    @property
    def periods(self) -> list[Period] | None:
        """The periods to reload; None where every row of both sides lies in one of them."""
        reloads = {entry.period for entry in self.reloads}
        whole = reloads >= self.source.keys() | self.target_rows.keys()
        return None if whole and reloads else sorted(reloads, key=lambda period: period.sort_key)

    @property
    def statuses(self) -> dict[str, int]:
        """How many periods there are of each status."""
        found = Counter(entry.status for entry in self.entries)
        return {status.value: found[status] for status in PeriodStatus}

    @property
    def rows_source(self) -> int:
        """The rows of the whole source."""
        return total_rows(content.totals for content in self.source.values())

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

    def contents(self) -> dict[Period, PeriodDigest | None]:
        """What the source holds of each reloaded period; None: it is gone."""
        return {entry.period: self.source.get(entry.period) for entry in self.reloads}

    def expected(self) -> dict[Period, ControlTotals | None]:
        """What the target must hold of each reloaded period; None: nothing."""
        return {
            period: content.totals if content else None
            for period, content in self.contents().items()
        }


def make_plan(
    request: LoadRequest,
    source: Mapping[Period, PeriodDigest],
    target_rows: Mapping[Period, int],
    loaded_periods: Mapping[Period, LoadedPeriod],
    digest_version: str,
) -> Plan:
    """Compares each period's digest with its loaded."""

    def entry(period: Period) -> PeriodPlan:
        content, rows = source.get(period), target_rows.get(period, 0)
        status = _status(content, loaded_periods.get(period), rows, digest_version)
        if status is PeriodStatus.UNCHANGED and request.force:
            status = PeriodStatus.FORCED
        return PeriodPlan(period, status, rows, content.totals.rows if content else 0)

    known = _chronological(source.keys() | target_rows.keys() | loaded_periods.keys())
    return Plan(
        source=source,
        target_rows=target_rows,
        loaded_rows={period: loaded.rows for period, loaded in loaded_periods.items()},
        entries=[
            entry(period) for period in known if request.months is None or period in request.months
        ],
    )


def _status(
    content: PeriodDigest | None, loaded: LoadedPeriod | None, rows: int, digest_version: str
) -> PeriodStatus:
    if content is None:
        return PeriodStatus.REMOVED
    if loaded is None or loaded.digest_version != digest_version:
        return PeriodStatus.NEW
    if loaded.digest != content.digest or loaded.rows != content.totals.rows:
        return PeriodStatus.CHANGED
    return PeriodStatus.UNCHANGED if loaded.rows == rows else PeriodStatus.DRIFTED


def _chronological(periods: Iterable[Period]) -> Iterator[Period]:
    return iter(sorted(periods, key=lambda period: period.sort_key))
