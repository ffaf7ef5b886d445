"""What each run writes into the change history."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oracle_standin import OracleStandin
from support.changes_guide import as_of
from support.command import Job
from support.history import (
    LISTED,
    SALES,
    history,
    horizon,
    is_refused_as_of,
    make_old,
    ran,
    runs_in,
)
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase


def redefine(job: Job, source: SourceDatabase, **entries: Any) -> None:
    file = Path(job.environ["ETL_TABLES_FILE"])
    file.write_text(json.dumps({"tables": [{"source": source.table, **SALES, **entries}]}))


def test_the_first_load_writes_none(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    assert history(target) == []
    assert horizon(target) == 1


def test_edits_deletes_new_periods_and_moved_rows(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    loaded.execute("UPDATE {table} SET target_amount = 7 WHERE id = 1")
    loaded.execute("DELETE FROM {table} WHERE id = 2")
    loaded.execute("UPDATE {table} SET target_month = 12 WHERE id = 3")
    loaded.insert([(90, 1, 1, 2031, 9)])

    ran(job)

    assert history(target, "id, target_month, target_year, target_amount") == [
        (2, "delete", "source", 1, 2, 2024, None),
        (2, "insert", "source", 1, 2, 2024, 7),
        (2, "delete", "source", 2, 3, 2024, None),
        (2, "delete", "source", 3, 4, 2024, None),
        (2, "insert", "source", 3, 12, 2024, None),
        (2, "insert", "source", 90, 1, 2031, 9),
    ]
    assert horizon(target) == 1


def test_the_times_are_those_of_the_snapshots(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    make_old(target, 1, days=3)
    ran(job)
    make_old(target, 2, days=2)
    loaded.execute("DELETE FROM {table} WHERE id = 1")
    ran(job)

    [times] = target.query("SELECT change_from, change_to FROM mb.sales_target_changes")

    assert [times] == target.query(
        "SELECT before.snapshot, run.snapshot FROM mb.etl_sales_target_runs AS run"
        " JOIN mb.etl_sales_target_runs AS before ON before.run_number = 2"
        " WHERE run.run_number = 3"
    )


def test_a_backfill_says_nothing_of_other_months(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    """What changed before it in a month that it did not read is not said to have come later."""
    make_old(target, 1, days=3)
    loaded.execute("UPDATE {table} SET target_amount = 7 WHERE id IN (1, 2)")
    assert job("backfill", "--from", "2024-02", "--to", "2024-02").exit_code == 0
    [(snapshot,)] = target.query("SELECT DISTINCT change_to FROM mb.sales_target_changes")
    make_old(target, 2, days=2)
    ran(job)

    snapshots = dict(target.query("SELECT run_number, snapshot FROM mb.etl_sales_target_runs"))
    found = target.query(
        "SELECT DISTINCT id, change_run, change_from, change_to FROM mb.sales_target_changes"
        " ORDER BY id"
    )

    assert found == [(1, 2, snapshots[1], snapshot), (2, 3, snapshots[1], snapshots[3])]


def test_backfills_before_the_first_run_write_none(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    assert job("backfill", "--from", "2024-02", "--to", "2024-02").exit_code == 0
    ran(job)

    assert (history(target), horizon(target)) == ([], 2)


def test_duplicates_are_counted(job: Job, loaded: SourceDatabase, target: TargetDatabase) -> None:
    loaded.insert([(50, 1, 1, 2024, 5)] * 3)
    ran(job)
    loaded.execute("DELETE FROM {table} WHERE id = 50")
    loaded.insert([(50, 1, 1, 2024, 5)])
    ran(job)

    assert history(target) == [
        *[(2, "insert", "source", 50, 5)] * 3,
        *[(3, "delete", "source", 50, 5)] * 2,
    ]


def test_what_somebody_did_to_the_target_is_a_repair(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute("DELETE FROM mb.sales_target WHERE id = 1")
    target.execute("INSERT INTO mb.sales_target VALUES (70, 1, 1, 1999, 1)")
    target.execute("UPDATE mb.sales_target SET target_amount = 99 WHERE id = 20")
    loaded.execute("UPDATE {table} SET target_amount = 8 WHERE id = 5")
    ran(job)
    ran(job, "--full")

    assert history(target) == [
        (2, "insert", "repair", 1, None),
        (2, "delete", "source", 5, None),
        (2, "insert", "source", 5, 8),
        (2, "delete", "repair", 70, 1),
        (3, "delete", "repair", 20, 99),
        (3, "insert", "repair", 20, Decimal("20.25")),
    ]


def test_equal_rows_leave_nothing(job: Job, loaded: SourceDatabase, target: TargetDatabase) -> None:
    result = ran(job, "--full")

    finished = result.event("run_finished")
    assert (finished["rows_read"], finished["rows_inserted"], finished["rows_deleted"]) == (
        24,
        0,
        0,
    )
    assert history(target) == []


def test_a_run_that_fails_leaves_nothing(
    job: Job, loaded: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    loaded.execute("UPDATE {table} SET target_amount = 0")
    standin.faults.ora_error(1555, after_rows=10)

    assert job("run", ETL_BATCH_ROWS="1").exit_code == 75
    assert history(target) == []


def test_history_off_and_on_again(
    defined: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    source.insert([(1, 1, 1, 2024, 1)])
    for number, is_on in enumerate([False, True, False, True, True], start=1):
        redefine(defined, source, history=is_on)
        source.execute(f"UPDATE {{table}} SET target_amount = {number}")
        ran(defined)

    assert history(target) == [
        (2, "delete", "source", 1, 1),
        (2, "insert", "source", 1, 2),
        (4, "delete", "source", 1, 3),
        (4, "insert", "source", 1, 4),
        (5, "delete", "source", 1, 4),
        (5, "insert", "source", 1, 5),
    ]
    assert horizon(target) == 3
    assert [row[4] for row in target.query(as_of(3))] == [3]
    assert is_refused_as_of(target, 2)


def test_without_history_there_is_no_table(
    defined: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    source.insert([(1, 1, 1, 2024, 1)])
    redefine(defined, source, history=False)
    ran(defined)

    assert target.query("SELECT to_regclass('mb.sales_target_changes')") == [(None,)]
    result = defined("changes")
    assert result.exit_code == 69
    assert "no change history of mb.sales_target yet" in result.failure["error"]


def test_a_column_that_is_added_later(
    defined: Job, source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    source.insert([(1, 1, 1, 2024, 1), (2, 1, 2, 2024, 2)])
    redefine(defined, source)
    ran(defined)
    source.execute("UPDATE {table} SET target_amount = 3 WHERE id = 1")
    ran(defined)
    source.execute("ALTER TABLE {table} ADD note varchar(20)")
    source.execute("UPDATE {table} SET note = 'new'")
    target.execute("ALTER TABLE mb.sales_target ADD note text")
    redefine(defined, source, columns=[*LISTED, "note"])
    ran(defined)

    assert horizon(target) == 3
    assert [row[0] for row in history(target)] == [2, 2]

    source.execute("UPDATE {table} SET note = 'newer' WHERE id = 2")
    ran(defined)
    assert history(target, "id, note")[2:] == [
        (4, "delete", "source", 2, "new"),
        (4, "insert", "source", 2, "newer"),
    ]
    columns = ", ".join([*LISTED, "note"])
    assert {row[0]: row[5] for row in target.query(as_of(3, columns=columns))} == {
        1: "new",
        2: "new",
    }
    assert is_refused_as_of(target, 2)


def test_a_column_of_another_type(
    defined: Job, source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    """Its old values are lost to the history as to the target, so nothing before can be rebuilt."""
    source.insert([(1, 1, 1, 2024, 1), (2, 1, 2, 2024, 2)])
    ran(defined)
    source.execute("UPDATE {table} SET product_id = 7 WHERE id = 1")
    ran(defined)
    source.execute("ALTER TABLE {table} ALTER product_id TYPE varchar(9)")
    target.execute("ALTER TABLE mb.sales_target DROP product_id, ADD product_id text")

    refused = defined("run", "--full").failure
    assert refused["exit_code"] == 69
    assert "product_id of mb.sales_target_changes is numeric" in refused["error"]
    target.execute(refused["remedy"].partition(";")[0])
    ran(defined, "--full")

    assert [row[0] for row in history(target)] == [2, 2]
    assert horizon(target) == 3


@pytest.mark.parametrize(
    "loss", ["DROP TABLE mb.etl_sales_target_runs", "TRUNCATE mb.etl_sales_target_runs"]
)
def test_the_ledger_is_lost(
    job: Job, edited: SourceDatabase, target: TargetDatabase, loss: str
) -> None:
    target.execute(loss)
    edited.execute("UPDATE {table} SET target_amount = 5 WHERE id = 1")
    ran(job)

    assert (runs_in(target), horizon(target)) == ({2, 3, 4}, 5)
    edited.execute("UPDATE {table} SET target_amount = 6 WHERE id = 1")
    ran(job)
    assert runs_in(target) == {2, 3, 4, 6}
    assert {row[4] for row in target.query(as_of(5)) if row[0] == 1} == {5}


def test_the_ledger_is_lost_while_the_history_is_off(
    defined: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    """Later runs must not be mistaken for earlier ones."""
    source.insert([(1, 1, 1, 2024, 0)])
    for amount in (1, 2, 3):
        source.execute(f"UPDATE {{table}} SET target_amount = {amount}")
        ran(defined)
    target.execute("TRUNCATE mb.etl_sales_target_runs")
    for is_on, amount in ((False, 4), (True, 5)):
        redefine(defined, source, history=is_on)
        source.execute(f"UPDATE {{table}} SET target_amount = {amount}")
        ran(defined)

    assert (runs_in(target), horizon(target)) == ({2, 3, 5}, 4)
    assert [row[4] for row in target.query(as_of(4))] == [4]


def test_the_history_is_dropped(job: Job, edited: SourceDatabase, target: TargetDatabase) -> None:
    target.execute("DROP TABLE mb.sales_target_changes")
    edited.execute("UPDATE {table} SET target_amount = 5 WHERE id = 1")
    ran(job)

    assert (runs_in(target), horizon(target)) == ({5}, 5)


def test_a_foreign_table_of_its_name_is_refused(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute("CREATE SCHEMA mb; CREATE TABLE mb.sales_target_changes (id numeric)")

    refused = job("run").failure

    assert refused["exit_code"] == 69
    assert "mb.sales_target_changes is not a change history" in refused["error"]
    assert "history: false" in refused["remedy"]
    assert target.query("SELECT * FROM mb.sales_target_changes") == []


def test_a_history_that_may_not_be_written_is_refused(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    login = target.login_of(
        "GRANT USAGE ON SCHEMA mb TO {role}",
        "GRANT SELECT, INSERT, DELETE, UPDATE ON mb.sales_target, mb.etl_sales_target_periods,"
        " mb.etl_sales_target_runs TO {role}",
    )

    refused = job("run", AIRFLOW_CONN_POSTGRES_CONN_ID=login).failure

    assert refused["exit_code"] == 77
    assert "GRANT SELECT, INSERT, DELETE ON mb.sales_target_changes" in refused["remedy"]


def test_the_longest_name_and_key(
    job: Job, source: SourceDatabase, target: TargetDatabase, standin: OracleStandin, tmp_path: Path
) -> None:
    """A name that leaves no room for the index's, and values that fit into no index."""
    name = "t" * 55
    source.execute("CREATE TABLE apps.codes (code varchar(4000))")
    source.execute("INSERT INTO apps.codes VALUES ('a')")
    job = job.loading(
        tmp_path / "tables.yaml",
        {"source": "apps.codes", "target": f"mb.{name}", "key": ["code"]},
    )
    ran(job)
    source.execute(
        "INSERT INTO apps.codes SELECT string_agg(md5(n::text), '') FROM generate_series(1, 120) n"
    )
    ran(job)

    indexes = f"SELECT count(*) FROM pg_indexes WHERE tablename = '{name}_changes'"
    assert target.query(indexes) == [(1,)]
    assert target.query(f"SELECT length(code) FROM mb.{name}_changes") == [(3840,)]
