"""The plan: which periods to reload, and why. Pure: no I/O, no database."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from etl_sales_target.core.periods import Content, Figures, Months, Period, Receipt, total_rows


class State(StrEnum):
    """How a period's source compares with what the last load left in the target."""

    NEW = "new"  # never loaded, or by another recipe
    CHANGED = "changed"  # its digest differs
    VANISHED = "vanished"  # it is no longer in the source
    MEDDLED = "meddled"  # somebody else changed the number of its rows in the target
    REQUESTED = "requested"  # equal, but asked for
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Request:
    """What somebody asked for. `months` None: all periods. `force`: equal ones as well."""

    mode: str
    months: Months | None = None
    force: bool = False
    allow_shrink: bool = False


@dataclass(frozen=True)
class PeriodPlan:
    """One period: why, and what it takes."""

    period: Period
    state: State
    rows_to_delete: int
    rows_to_copy: int


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    `source` holds each period's content in the snapshot, `target_rows` and `loaded_rows` the rows
    of each period that stand in the target and that the last load left there.
    """

    source: Mapping[Period, Content]
    target_rows: Mapping[Period, int]
    loaded_rows: Mapping[Period, int]
    entries: Sequence[PeriodPlan]

    @property
    def reloads(self) -> list[PeriodPlan]:
        """The periods to reload."""
        return [entry for entry in self.entries if entry.state is not State.UNCHANGED]

    @property
    def periods(self) -> list[Period] | None:
        """The periods to reload; None where every row of both sides lies in one of them."""
        reloads = {entry.period for entry in self.reloads}
        whole = reloads >= self.source.keys() | self.target_rows.keys()
        return None if whole and reloads else sorted(reloads, key=lambda period: period.sort_key)

    @property
    def states(self) -> dict[str, int]:
        """How many periods there are of each state."""
        found = Counter(entry.state for entry in self.entries)
        return {state.value: found[state] for state in State}

    @property
    def rows_source(self) -> int:
        """The rows of the whole source."""
        return total_rows(content.figures for content in self.source.values())

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

    def contents(self) -> dict[Period, Content | None]:
        """What the source holds of each reloaded period; None: it is gone."""
        return {entry.period: self.source.get(entry.period) for entry in self.reloads}

    def expected(self) -> dict[Period, Figures | None]:
        """What the target must hold of each reloaded period; None: nothing."""
        return {
            period: content.figures if content else None
            for period, content in self.contents().items()
        }


def make_plan(
    request: Request,
    source: Mapping[Period, Content],
    target_rows: Mapping[Period, int],
    receipts: Mapping[Period, Receipt],
    recipe: str,
) -> Plan:
    """Compares each period's digest with its receipt."""

    def entry(period: Period) -> PeriodPlan:
        content, rows = source.get(period), target_rows.get(period, 0)
        state = _state(content, receipts.get(period), rows, recipe)
        if state is State.UNCHANGED and request.force:
            state = State.REQUESTED
        return PeriodPlan(period, state, rows, content.figures.rows if content else 0)

    known = _chronological(source.keys() | target_rows.keys() | receipts.keys())
    return Plan(
        source=source,
        target_rows=target_rows,
        loaded_rows={period: receipt.rows for period, receipt in receipts.items()},
        entries=[
            entry(period) for period in known if request.months is None or period in request.months
        ],
    )


def _state(content: Content | None, receipt: Receipt | None, rows: int, recipe: str) -> State:
    if content is None:
        return State.VANISHED
    if receipt is None or receipt.recipe != recipe:
        return State.NEW
    if receipt.digest != content.digest or receipt.rows != content.figures.rows:
        return State.CHANGED
    return State.UNCHANGED if receipt.rows == rows else State.MEDDLED


def _chronological(periods: Iterable[Period]) -> Iterator[Period]:
    return iter(sorted(periods, key=lambda period: period.sort_key))
