"""What a run reads and writes, and what it leaves alone."""

import json
from collections import Counter
from typing import Any

import pytest

from support.command import Job
from support.result import Event, Result
from support.source_database import SourceDatabase, SourceRow
from support.target_database import TargetDatabase


@pytest.fixture
def loaded(job: Job, small_source: SourceDatabase, target: TargetDatabase) -> SourceDatabase:
    """A source of 12 months with two rows each, and a target that equals it."""
    assert job("run").exit_code == 0
    return small_source


def touched(target: TargetDatabase) -> dict[str, str]:
    """The periods that the last run read or deleted, each with its status."""
    (report,) = target.last_run("report")
    return {entry["period"]: entry["status"] for entry in report["touched"]}


def versions(target: TargetDatabase) -> list[tuple[Any, ...]]:
    """Where each row lies and who wrote it, which any rewrite changes, and the row."""
    return target.query("SELECT ctid::text, xmin::text, * FROM mb.sales_target")


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        pytest.param(["UPDATE {table} SET target_amount = 1 WHERE id = 2"], ["changed"], id="edit"),
        pytest.param(["UPDATE {table} SET id = 100 WHERE id = 14"], ["changed"], id="renumbered"),
        pytest.param(["DELETE FROM {table} WHERE id = 14"], ["changed"], id="delete"),
        pytest.param(["DELETE FROM {table} WHERE target_month = 3"], ["removed"], id="removed"),
        pytest.param(["INSERT INTO {table} VALUES (99, 1, 3, 2024, 1)"], ["changed"], id="insert"),
        pytest.param(
            ["INSERT INTO {table} SELECT * FROM {table} WHERE id = 14"], ["changed"], id="duplicate"
        ),
        pytest.param(
            ["INSERT INTO {table} VALUES (99, 1, 3, 2031, 1)"], ["new"], id="another year"
        ),
        pytest.param(
            ["INSERT INTO {table} VALUES (99, 1, NULL, 2024, 1)"], ["new"], id="no month"
        ),
        pytest.param(
            ["UPDATE {table} SET target_amount = NULL WHERE id = 14",
             "UPDATE {table} SET target_amount = 14.25 WHERE id = 2"],
            ["changed"],
            id="two rows swap amounts",
        ),
        pytest.param(
            ["UPDATE {table} SET product_id = 6 - product_id WHERE id IN (2, 14)"],
            ["changed"],
            id="an amount moves between products",
        ),
    ],
)  # fmt: skip
def test_only_the_rows_that_differ_are_written(
    job: Job, loaded: SourceDatabase, target: TargetDatabase, edits: list[str], expected: list[str]
) -> None:
    before = Counter(versions(target))
    rows_before = Counter(target.rows())
    for edit in edits:
        loaded.execute(edit)

    result = job("run")

    assert result.exit_code == 0, result.stderr
    assert target.rows() == loaded.rows()
    assert list(touched(target).values()) == expected
    deleted, inserted = rows_before - Counter(loaded.rows()), Counter(loaded.rows()) - rows_before
    assert target.last_run("rows_deleted", "rows_inserted", "rows_unchanged") == (
        deleted.total(), inserted.total(), 24 - deleted.total(),
    )  # fmt: skip
    after = Counter(versions(target))
    assert Counter(row[2:] for row in (before - after)) == deleted
    assert Counter(row[2:] for row in (after - before)) == inserted


def test_a_row_that_moves_to_another_period_touches_both(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    loaded.execute("UPDATE {table} SET target_month = 4 WHERE id = 14")

    job("run")

    assert touched(target) == {"2024-03": "changed", "2024-04": "changed"}
    assert target.rows() == loaded.rows()


def test_a_period_that_somebody_edited_is_repaired_and_named(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute("DELETE FROM mb.sales_target WHERE id = 14")
    target.execute("INSERT INTO mb.sales_target VALUES (1, 1, 1, 1999, 1)")

    assert job("run").exit_code == 0

    assert touched(target) == {"1999-01": "removed", "2024-03": "drifted"}
    assert target.rows() == loaded.rows()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE mb.etl_sales_target_periods SET digest_version = 'of an older job'",
        "DELETE FROM mb.etl_sales_target_periods",
    ],
)
def test_without_a_valid_record_everything_is_read_again(
    job: Job, loaded: SourceDatabase, target: TargetDatabase, change: str
) -> None:
    target.execute(change)

    before = versions(target)

    job("run")

    assert set(touched(target).values()) == {"new"}
    assert len(touched(target)) == 12
    assert target.last_run("rows_read", "rows_inserted", "rows_deleted") == (24, 0, 0)
    assert versions(target) == before


def test_another_source_table_invalidates_the_record(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    table = loaded.table + "_2"
    loaded.execute(f"CREATE TABLE {table} AS SELECT * FROM {{table}}")

    result = job("run", ETL_SOURCE_TABLE=table)

    assert result.event("run_finished")["periods"]["new"] == 12


def test_one_large_and_one_small_period(
    job: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    source.insert((n, 1, 1, 2024, n) for n in range(50_000))
    source.insert([(0, 1, 2, 2024, 1)])
    job("run")
    source.execute("UPDATE {table} SET target_amount = 3 WHERE target_month = 2")

    result = job("run")

    assert target.last_run("rows_read", "rows_inserted", "rows_deleted") == (1, 1, 1)
    assert result.exit_code == 0
    assert target.rows() == source.rows()


def test_more_periods_than_one_query_takes(
    job: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    source.insert((n, 1, n % 12 + 1, 1990 + n // 12, n) for n in range(500))
    job("run")
    source.execute("UPDATE {table} SET target_amount = 3 WHERE id < 450")

    result = job("run")

    # Every row is a period of its own, or two are; the amount of id 3 was 3.
    assert result.exit_code == 0
    assert target.last_run("rows_read", "rows_inserted", "rows_deleted") == (500, 449, 449)
    assert target.rows() == source.rows()


# Guards -----------------------------------------------------------------------------------------


def refused(result: Result, target: TargetDatabase, rows: list[SourceRow]) -> Event:
    assert result.exit_code == 65, result.stderr
    assert target.rows() == rows
    assert target.last_run("outcome", "exit_code") == ("failed", 65)
    return result.failure


def test_an_empty_source_is_refused(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    rows = target.rows()
    loaded.execute("DELETE FROM {table}")

    failure = refused(job("run"), target, rows)

    assert failure["error"] == "The source is empty."
    assert "--allow-shrink" in failure["remedy"]
    assert job("run", "--allow-shrink").exit_code == 0
    assert target.rows() == []


def test_a_source_that_is_empty_from_the_start_is_refused(
    job: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    assert job("run").exit_code == 65
    assert not target.exists()


def test_a_source_that_shrank_is_refused(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    rows = target.rows()
    loaded.execute("DELETE FROM {table} WHERE id < 13")

    failure = refused(job("run"), target, rows)

    assert "has 11 rows and the last load left 24:" in failure["error"]
    assert job("run", "--full").exit_code == 65
    assert job("backfill", "--from", "2024-01", "--to", "2024-02").exit_code == 65
    assert job("run", ETL_MAX_SHRINK_PERCENT="60").exit_code == 0
    assert target.rows() == loaded.rows()


def test_what_is_odd_in_the_source_is_a_warning(
    job: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    source.insert([(1, 1, 1, 2024, 1), (1, 1, 13, 2024, 1), (None, 1, None, 2024, 1)])

    result = job("run")

    warnings = [event["warning"] for event in result.events if event["event"] == "source_warning"]
    assert warnings == [
        "1 rows repeat the id of another row.",
        "1 rows have no id.",
        "1 rows have no target_month.",
        "1 rows have a month outside 1-12: 13.",
    ]
    assert target.last_run("report->'warnings'") == (warnings,)
    assert result.exit_code == 0


# The plan ---------------------------------------------------------------------------------------


def test_dry_run_prints_the_plan_and_writes_nothing(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    loaded.execute("UPDATE {table} SET target_amount = 0 WHERE id = 14")
    loaded.execute("INSERT INTO {table} VALUES (99, 1, NULL, NULL, 1)")
    before = target.rows(), target.query("SELECT * FROM mb.etl_sales_target_runs")

    result = job("run", "--dry-run")

    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["2024-03", "changed", "2", "2"] in lines
    assert ["NULL-NULL", "new", "1", "0"] in lines
    assert result.stdout.splitlines()[-1] == (
        "2 periods to read or delete, 11 unchanged: 3 rows to read, 0 to delete. "
        "How many of the rows read differ, and are written, is known only then."
    )
    assert (target.rows(), target.query("SELECT * FROM mb.etl_sales_target_runs")) == before


def test_dry_run_of_the_first_run_leaves_an_empty_database(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    result = job("run", "--dry-run")

    assert "12 periods to read or delete" in result.stdout
    assert target.query("SELECT to_regnamespace('mb')") == [(None,)]


def test_dry_run_says_what_a_guard_would_refuse(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    loaded.execute("DELETE FROM {table}")

    result = job("run", "--dry-run")

    assert result.exit_code == 65
    assert "0 rows to read, 24 to delete" in result.stdout
    assert job("run", "--dry-run", "--allow-shrink").exit_code == 0


def test_the_report_stands_in_the_ledger(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    loaded.execute("UPDATE {table} SET target_amount = 0 WHERE id = 14")

    job("run", ETL_TRIGGERED_BY="a test")

    (report,) = target.last_run("report")
    assert json.loads(json.dumps(report))["touched"] == [
        {"period": "2024-03", "status": "changed", "rows_source": 2, "rows_target": 2}
    ]
    assert report["triggered_by"] == "a test"
