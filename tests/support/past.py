"""What the table must have been after each run: the model that random edits are tried against."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = tuple[Any, ...]
# Rows as a multiset; where it is a difference, a row that is missing counts below zero.
Rows = Counter[Row]


def minus(these: Rows, those: Rows) -> Rows:
    """The difference, with what is below zero."""
    found = Counter(these)
    found.subtract(those)
    return found


@dataclass
class Past:
    """The target as the runs left it, and what others did to it.

    A run touches a period whose source has changed, or of which the target has another number of
    rows; a full one touches all. An edit of the target is taken for one of the source where both
    happened in one period between two runs; in the tables as of earlier runs it stays.
    """

    period: Callable[[Row], Hashable]
    left: Rows = field(default_factory=Counter)
    as_of: dict[int, Rows] = field(default_factory=dict)
    touched: set[Hashable] = field(default_factory=set)

    def run(self, number: int, source: Rows, before: Rows, *, full: bool) -> Rows:
        """Notes a run between these two; returns what the target must hold after it."""
        after: Rows = Counter()
        self.touched = set()
        loaded, found, now = map(self._by_period, (self.left, before, source))
        for period in loaded.keys() | found.keys() | now.keys():
            was, is_there, wanted = (each.get(period, Counter()) for each in (loaded, found, now))
            if was != wanted:
                for past in self.as_of.values():
                    past.update(minus(is_there, was))
            is_same = was == wanted and was.total() == is_there.total()
            if full or not is_same:
                self.touched.add(period)
            after += wanted if period in self.touched else is_there
        self.left = Counter(source)
        self.as_of[number] = Counter(source)
        return after

    def rebuilt(self, target: Rows) -> dict[int, Rows]:
        """What the history must make of each run, with the target's rows of now."""
        unseen = minus(target, self.left)
        return {number: +_sum(past, unseen) for number, past in self.as_of.items()}

    def _by_period(self, rows: Rows) -> Mapping[Hashable, Rows]:
        periods: dict[Hashable, Rows] = {}
        for row, times in rows.items():
            periods.setdefault(self.period(row), Counter())[row] = times
        return periods


def _sum(these: Rows, those: Rows) -> Rows:
    found = Counter(these)
    found.update(those)
    return found
