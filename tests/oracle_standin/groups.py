"""Grouped answers, kept a group at a time, so that an edit costs its own groups only.

The row of a group depends on nothing but the rows in it. A row of a table is, in PostgreSQL, a
version that never changes: an edit writes another version at another place (`ctid`) or by another
transaction (`xmin`). So the groups that consist of the same versions as before have the same rows
as before, and one cheap scan finds them. It is one scan in one snapshot: nothing has to notice
edits as they happen.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from oracle_standin.sql import Grouping

_MOST_STATEMENTS = 20
_MOST_GROUPS = 10_000
_MOST_CONDITIONS = 50

Row = Sequence[str | None]
Run = Callable[[str], Sequence[Row]]
Groups = Mapping[Row, Row]

# Which versions a group consists of: their number, and a sum of 64 bits of each. As text.
_VERSIONS = "count(*)::text, sum(hashtidextended(ctid, xmin::text::bigint))::text"
_VERSIONS_SIZE = 2


class GroupMemory:
    """For the statements run last: versions -> row of each group. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: OrderedDict[Hashable, Groups] = OrderedDict()

    def get(self, key: Hashable) -> Groups:
        with self._lock:
            return self._groups.get(key, {})

    def put(self, key: Hashable, groups: Groups) -> None:
        with self._lock:
            self._groups[key] = groups
            self._groups.move_to_end(key)
            while len(self._groups) > _MOST_STATEMENTS:
                self._groups.popitem(last=False)


def answer(grouping: Grouping, run: Run, known: Groups) -> Groups | None:
    """Every group of the snapshot in which `run` queries; None where there are too many to keep.

    `known` are groups of any earlier answer to the same statement.
    """
    if not known:
        return _read(grouping, run, [])
    current = run(_limited(f"SELECT {_VERSIONS}, {_texts(grouping.keys)} {grouping.tail()}"))
    if len(current) > _MOST_GROUPS:
        return None
    unknown = [row[_VERSIONS_SIZE:] for row in current if row[:_VERSIONS_SIZE] not in known]
    fresh = _read(grouping, run, unknown) if unknown else {}
    if fresh is None:
        return None
    groups = {**known, **fresh}
    return {row[:_VERSIONS_SIZE]: groups[row[:_VERSIONS_SIZE]] for row in current}


def _read(grouping: Grouping, run: Run, keys: Sequence[Row]) -> Groups | None:
    """The groups of these keys; of all keys where there are none or many."""
    few = 0 < len(keys) <= _MOST_CONDITIONS
    tail = grouping.tail(_one_of(grouping.keys, keys)) if few else grouping.tail()
    rows = run(_limited(f"SELECT {_VERSIONS}, {grouping.projections} {tail}"))
    if len(rows) > _MOST_GROUPS:
        return None
    return {tuple(row[:_VERSIONS_SIZE]): row[_VERSIONS_SIZE:] for row in rows}


def _one_of(expressions: Sequence[str], keys: Iterable[Row]) -> str:
    return " OR ".join(
        " AND ".join(
            f"{expression} IS NOT DISTINCT FROM {_quoted(text)}"
            for expression, text in zip(expressions, key, strict=True)
        )
        for key in keys
    )


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{escaped}'"


def _texts(expressions: Iterable[str]) -> str:
    return ", ".join(f"({expression})::text" for expression in expressions)


def _limited(query: str) -> str:
    return f"{query} LIMIT {_MOST_GROUPS + 1}"
