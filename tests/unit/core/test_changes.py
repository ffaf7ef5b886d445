"""A deleted and an inserted row of one key in one run are one change."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from etl_sales_target.core.changes import RowChange, paired

BEFORE, AFTER = (datetime.datetime(2026, 11, day, tzinfo=datetime.UTC) for day in (24, 25))
COLUMNS = ("id", "part", "x")


def change(
    operation: str, x: int, *, run: int = 2, reason: str = "source", **key: Any
) -> dict[str, Any]:
    return {
        "change_run": run,
        "change_from": BEFORE,
        "change_to": AFTER,
        "change_operation": operation,
        "change_reason": reason,
        "id": 1,
        "part": 1,
        "x": x,
        **key,
    }


def made(changes: Sequence[dict[str, Any]], *key: str) -> list[tuple[int | None, int | None]]:
    """The value of x before and after, of each change."""
    return [
        (found.old["x"] if found.old else None, found.new["x"] if found.new else None)
        for found in paired(changes, key, COLUMNS)
    ]


def test_old_and_new_are_one_change_whatever_their_order() -> None:
    changes = [change("insert", 11), change("delete", 10)]

    [found] = paired(changes, ["id"], COLUMNS)

    assert found == RowChange(
        run=2,
        since=BEFORE,
        until=AFTER,
        reason="source",
        old={"id": 1, "part": 1, "x": 10},
        new={"id": 1, "part": 1, "x": 11},
    )
    assert found.is_update


def test_a_row_alone_was_inserted_or_deleted() -> None:
    changes = [change("delete", 1, id=1), change("insert", 2, id=2)]

    assert made(changes, "id") == [(1, None), (None, 2)]
    assert not any(each.is_update for each in paired(changes, ["id"], COLUMNS))


def test_runs_and_reasons_are_kept_apart() -> None:
    runs = [change("insert", 2, run=3), change("delete", 1, run=2)]
    reasons = [change("delete", 1, reason="repair"), change("insert", 2, reason="source")]

    assert made(runs, "id") == [(None, 2), (1, None)]
    assert made(reasons, "id") == [(1, None), (None, 2)]


def test_every_column_of_the_key_counts() -> None:
    changes = [change("delete", 1, part=1), change("insert", 2, part=2)]

    assert made(changes, "id") == [(1, 2)]
    assert made(changes, "id", "part") == [(1, None), (None, 2)]


def test_keys_are_equal_as_numbers_are() -> None:
    changes = [change("delete", 1, id=Decimal("1.0")), change("insert", 2, id=Decimal(1))]

    assert made(changes, "id") == [(1, 2)]


def test_a_key_with_a_null_pairs_nothing() -> None:
    changes = [change("delete", 1, part=None), change("insert", 2, part=None)]

    assert made(changes, "id", "part") == [(1, None), (None, 2)]


def test_without_a_key_nothing_is_paired() -> None:
    assert made([change("delete", 1), change("insert", 2)]) == [(1, None), (None, 2)]


def test_a_repeated_key_pairs_as_many_as_there_are() -> None:
    changes = [change("delete", 1), change("insert", 2), change("insert", 3)]

    assert made(changes, "id") == [(1, 2), (None, 3)]


def test_no_changes() -> None:
    assert list(paired([], ["id"], COLUMNS)) == []
