"""Changes of the target's rows, as the change history has them."""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, zip_longest
from typing import Any

# What the history says of each change, before the target's own columns.
OWN_COLUMNS = ("change_run", "change_from", "change_to", "change_operation", "change_reason")


class Operation(StrEnum):
    """What happened to a row; a row that changed was deleted and inserted."""

    INSERT = "insert"
    DELETE = "delete"


class Reason(StrEnum):
    """Why: the source had changed; or it had not, and somebody had edited the target."""

    SOURCE = "source"
    REPAIR = "repair"


@dataclass(frozen=True)
class ChangeFilter:
    """Which changes to show; None: whatever it is.

    `since` (inclusive) and `until` (exclusive) are compared with `change_to`; `key` has the values
    of the first columns of the table's key.
    """

    run: int | None = None
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    key: Sequence[str] = ()


@dataclass(frozen=True)
class RowChange:
    """A row before and after: without `old` it was inserted, without `new` deleted."""

    run: int
    since: datetime.datetime
    until: datetime.datetime
    reason: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None

    @property
    def is_update(self) -> bool:
        """Whether it is one row with other values."""
        return self.old is not None and self.new is not None


def paired(
    changes: Iterable[Mapping[str, Any]], key: Sequence[str], columns: Sequence[str]
) -> Iterator[RowChange]:
    """Makes one change of a deleted and an inserted row that have the same key in one run.

    The changes of one run, reason and key must follow each other. Without a key, or with a NULL in
    it, nothing is paired.
    """

    def place(change: Mapping[str, Any]) -> tuple[Any, ...]:
        return change["change_run"], change["change_reason"], *(change[name] for name in key)

    for (run, reason, *values), group in groupby(changes, place):
        found = list(group) if values and None not in values else None
        for old, new in _pairs(found) if found else _single(group):
            either = old or new or {}
            yield RowChange(
                run=run,
                since=either["change_from"],
                until=either["change_to"],
                reason=reason,
                old={name: old[name] for name in columns} if old else None,
                new={name: new[name] for name in columns} if new else None,
            )


_Pair = tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]


def _pairs(changes: Sequence[Mapping[str, Any]]) -> Iterator[_Pair]:
    deleted, inserted = (
        [change for change in changes if change["change_operation"] == operation]
        for operation in (Operation.DELETE, Operation.INSERT)
    )
    return zip_longest(deleted, inserted)


def _single(changes: Iterable[Mapping[str, Any]]) -> Iterator[_Pair]:
    for change in changes:
        yield (change, None) if change["change_operation"] == Operation.DELETE else (None, change)
