"""The plan: which periods to read, and why. Pure: no I/O, no database."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from etl_sales_target.core.control_totals import ControlTotals, total_rows
from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.periods import MonthRange, Period

# So many rows of each side are compared at once, or half of them: it bounds PostgreSQL's temporary
# files, and each slice is one more scan of the table.
_ROWS_A_SLICE = 1_000_000
_MOST_SLICES = 2

# Bounds a query's condition and the number of scans that the source has to bear: see `Plan.reads`.
MOST_PERIODS_A_QUERY = 200


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
        """Whether periods are read that did not change."""
        return self.mode is not Mode.RUN


@dataclass(frozen=True, slots=True)
class LoadedPeriod:
    """What the last load of one period left in the target, and its digest in the source then."""

    rows: int
    digest: str
    digest_version: str


@dataclass(frozen=True, slots=True)
class PeriodPlan:
    """One period: why, its rows on both sides, and whether the source differs from the record."""

    period: Period
    status: PeriodStatus
    rows_source: int
    rows_target: int
    source_changed: bool


@dataclass(frozen=True)
class Reads:
    """The rows to read from the source, by where they go; None: those of all periods.

    `appended` have no rows in the target, and are copied straight into it. `staged` are read to be
    compared with the target's rows of the periods `compared`, which they contain.
    """

    appended: Sequence[Period] | None = ()
    staged: Sequence[Period] | None = ()
    compared: Sequence[Period] | None = ()

    @property
    def appends(self) -> bool:
        """Whether there are rows to append."""
        return self.appended is None or bool(self.appended)

    @property
    def stages(self) -> bool:
        """Whether there are rows to compare."""
        return self.staged is None or bool(self.staged)


@dataclass(frozen=True)
class Slice:
    """Periods whose rows are compared at once, with the rows of both sides; None: all periods."""

    periods: Sequence[Period] | None
    rows_source: int
    rows_target: int


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
    def touched(self) -> list[PeriodPlan]:
        """The periods whose rows are read, compared or deleted."""
        return [entry for entry in self.entries if entry.status is not PeriodStatus.UNCHANGED]

    @cached_property
    def periods(self) -> list[Period] | None:
        """The touched periods; None where every row of both sides lies in one of them."""
        found = [entry.period for entry in self.touched]
        rest = self.source.keys() | self.target_rows.keys()
        return None if found and rest <= set(found) else found

    @cached_property
    def reads(self) -> Reads:
        """What to read. At most one query for `appended` and one for `staged`, or one for all."""
        appended = [
            each.period for each in self.touched if each.rows_source and not each.rows_target
        ]
        compared = [each.period for each in self.touched if each.rows_source and each.rows_target]
        everything = len(self.source)
        if not appended and not compared:
            return Reads()
        if len(appended) == everything:
            return Reads(appended=None)
        if len(compared) == everything:
            return Reads(
                staged=None, compared=None if len(self.target_rows) == everything else compared
            )
        if len(appended) + len(compared) > MOST_PERIODS_A_QUERY:
            both = [each.period for each in self.touched if each.rows_source]
            return Reads(staged=None, compared=both)
        return Reads(appended=appended, staged=compared, compared=compared)

    def slices(self) -> Iterator[Slice]:
        """The periods to compare, in parts."""
        compared = self.reads.compared
        rows_in_all = self.rows_in_source(compared)
        least = max(_ROWS_A_SLICE, rows_in_all / _MOST_SLICES)
        if rows_in_all <= least:
            yield self._slice(compared)
            return
        part: list[Period] = []
        rows = 0
        for period in self.source if compared is None else compared:
            part.append(period)
            rows += self.rows_in_source([period])
            if rows >= least:
                yield self._slice(part)
                part, rows = [], 0
        if part:
            yield self._slice(part)

    def _slice(self, periods: Sequence[Period] | None) -> Slice:
        return Slice(periods, self.rows_in_source(periods), self.rows_in_target(periods))

    @property
    def removed(self) -> list[Period]:
        """The periods that the target has and the source has not."""
        return [each.period for each in self.touched if each.rows_target and not each.rows_source]

    @property
    def statuses(self) -> dict[str, int]:
        """How many periods there are of each status."""
        found = Counter(entry.status for entry in self.entries)
        return {status.value: found[status] for status in PeriodStatus}

    @property
    def rows_source(self) -> int:
        """The rows of the whole source."""
        return total_rows(digest.totals for digest in self.source.values())

    def rows_in_source(self, periods: Sequence[Period] | None) -> int:
        """The source's rows of these periods (None: of all)."""
        if periods is None:
            return self.rows_source
        return total_rows(self.source[period].totals for period in periods)

    def rows_in_target(self, periods: Sequence[Period] | None) -> int:
        """The target's rows of these periods (None: of all), before the run."""
        if periods is None:
            return sum(self.target_rows.values())
        return sum(self.target_rows.get(period, 0) for period in periods)

    @property
    def rows_to_read(self) -> int:
        """The rows that the source is going to send."""
        return self.rows_in_source(self.reads.appended) + self.rows_in_source(self.reads.staged)

    @property
    def rows_after(self) -> int:
        """The rows of the target when the plan is done."""
        change = sum(entry.rows_source - entry.rows_target for entry in self.touched)
        return self.rows_in_target(None) + change

    def changed_digests(self) -> dict[Period, PeriodDigest | None]:
        """The digest of each touched period that is not on record; None: the period is gone."""
        return {
            each.period: self.source.get(each.period)
            for each in self.touched
            if each.source_changed
        }

    def changed(self) -> list[Period] | None:
        """The touched periods whose source is not as on record; None: all touched ones.

        Of the others, what differs was edited in the target.
        """
        found = [each.period for each in self.touched if each.source_changed]
        return None if len(found) == len(self.touched) else found

    def expected(self) -> dict[Period, ControlTotals | None]:
        """The control totals that the target must have of each touched period; None: no rows."""
        found = ((entry.period, self.source.get(entry.period)) for entry in self.touched)
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
        digest, loaded = source.get(period), loaded_periods.get(period)
        rows = target_rows.get(period, 0)
        status = _status(digest, loaded, rows, digest_version)
        if status is PeriodStatus.UNCHANGED and request.is_forced:
            status = PeriodStatus.FORCED
        return PeriodPlan(
            period,
            status,
            rows_source=digest.totals.rows if digest else 0,
            rows_target=rows,
            source_changed=not _is_on_record(digest, loaded, digest_version),
        )

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
    if not _is_on_record(digest, loaded, digest_version):
        return PeriodStatus.CHANGED
    return PeriodStatus.UNCHANGED if loaded.rows == rows else PeriodStatus.DRIFTED


def _is_on_record(
    digest: PeriodDigest | None, loaded: LoadedPeriod | None, digest_version: str
) -> bool:
    """Whether the source has what the last load found."""
    if digest is None or loaded is None:
        return digest is None and loaded is None
    found = LoadedPeriod(digest.totals.rows, digest.digest, digest_version)
    return loaded == found


def _chronological(periods: Iterable[Period]) -> Iterator[Period]:
    return iter(sorted(periods, key=lambda period: period.sort_key))
