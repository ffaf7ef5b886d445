"""The change history: what each run writes into it, and what `changes` shows of it."""

import json
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from oracle_standin import OracleStandin
from support.changed import changed
from support.changes_guide import as_of
from support.command import Job
from support.result import Result
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

LISTED = ("id", "product_id", "target_month", "target_year", "target_amount")
SALES = {
    "target": "mb.sales_target",
    "columns": list(LISTED),
    "period": {"year": "target_year", "month": "target_month"},
    "key": ["id"],
}


def ran(job: Job, *arguments: str, **environ: str) -> Result:
    """A run that succeeds."""
    result = job("run", *arguments, **environ)
    assert result.exit_code == 0, result.stderr
    return result


def history(target: TargetDatabase, columns: str = "id, target_amount") -> list[tuple[Any, ...]]:
    """All changes: run, operation, reason, these columns."""
    return target.query(
        f"SELECT change_run, change_operation, change_reason, {columns}"
        " FROM mb.sales_target_changes ORDER BY 1, 4, 2, 5"
    )


def horizon(target: TargetDatabase) -> int:
    [(found,)] = target.query("SELECT max(history_horizon) FROM mb.etl_sales_target_runs")
    return int(found)


def is_refused_as_of(target: TargetDatabase, run: int) -> bool:
    try:
        target.query(as_of(run))
    except psycopg.errors.InvalidTextRepresentation:
        return True
    return False


def make_old(target: TargetDatabase, *runs: int, days: int = 401) -> None:
    numbers = ", ".join(map(str, runs))
    target.execute(
        f"UPDATE mb.etl_sales_target_runs SET snapshot = snapshot - interval '{days} days'"
        f" WHERE run_number IN ({numbers})"
    )


@pytest.fixture
def loaded(job: Job, small_source: SourceDatabase) -> SourceDatabase:
    """24 rows in 12 months of 2024, loaded by run 1."""
    ran(job)
    return small_source


@pytest.fixture
def defined(job: Job, source: SourceDatabase, tmp_path: Path) -> Job:
    """The job with the sales target's definition in a file."""
    return job.loading(tmp_path / "tables.yaml", {"source": source.table, **SALES})


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

    assert job("run", ETL_BATCH_ROWS="5").exit_code == 75
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


@pytest.fixture
def edited(job: Job, loaded: SourceDatabase) -> SourceDatabase:
    """The source after runs 2, 3 and 4, each of which found one change."""
    for amount in (2, 3, 4):
        loaded.execute(f"UPDATE {{table}} SET target_amount = {amount} WHERE id = 1")
        ran(job)
    return loaded


def runs_in(target: TargetDatabase) -> set[int]:
    return {row[0] for row in history(target)}


def test_old_changes_are_pruned(job: Job, edited: SourceDatabase, target: TargetDatabase) -> None:
    make_old(target, 1, 2, 3)

    pruned = ran(job).event("changes_pruned")

    assert (pruned["rows"], pruned["last_run"]) == (4, 3)
    assert (runs_in(target), horizon(target)) == ({4}, 3)
    assert is_refused_as_of(target, 2)
    assert {row[4] for row in target.query(as_of(3)) if row[0] == 1} == {3}


def test_the_horizon_outlives_the_pruned_runs(
    job: Job, edited: SourceDatabase, target: TargetDatabase
) -> None:
    """Somebody who tidies up the ledger deletes the oldest rows first."""
    make_old(target, 1, 2, 3)
    ran(job)

    target.execute("DELETE FROM mb.etl_sales_target_runs WHERE run_number <= 3")

    assert horizon(target) == 3


@pytest.mark.parametrize(("days", "left"), [("0", {2, 3, 4}), ("30", {4}), ("500", {2, 3, 4})])
def test_the_retention_is_a_setting(
    job: Job, edited: SourceDatabase, target: TargetDatabase, days: str, left: set[int]
) -> None:
    make_old(target, 1, 2, 3)

    ran(job, ETL_CHANGES_RETENTION_DAYS=days)

    assert runs_in(target) == left


def test_pruning_goes_in_steps(job: Job, edited: SourceDatabase, target: TargetDatabase) -> None:
    """Each is a transaction; here two of them are the most after one run."""
    target.execute(
        "INSERT INTO mb.sales_target_changes SELECT h.* FROM mb.sales_target_changes AS h,"
        " generate_series(1, 20000) WHERE change_run = 2;"
        "CREATE TABLE mb.steps (step xid8, rows bigint);"
        "CREATE FUNCTION mb.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO mb.steps SELECT pg_current_xact_id(), count(*) FROM gone;"
        " RETURN NULL; END $$;"
        "CREATE TRIGGER note AFTER DELETE ON mb.sales_target_changes"
        " REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION mb.note()"
    )
    make_old(target, 1, 2, 3)
    hasty = changed("from etl_sales_target.postgres import history; history._MOST_STEPS = 2")

    done = [job.through(*hasty)("run").event("changes_pruned")["rows"] for _ in range(2)]

    assert done == [40_000, 4]
    steps = "SELECT sum(rows) FROM mb.steps GROUP BY step ORDER BY step"
    assert target.query(steps) == [(20_000,), (20_000,), (4,)]
    assert runs_in(target) == {4}


def test_nobody_needs_more_rights_to_prune_than_to_load(
    job: Job, edited: SourceDatabase, target: TargetDatabase
) -> None:
    login = target.login_of(
        "GRANT USAGE ON SCHEMA mb TO {role}",
        "GRANT SELECT, INSERT, DELETE ON mb.sales_target, mb.sales_target_changes,"
        " mb.etl_sales_target_periods TO {role}",
        "GRANT SELECT, INSERT, UPDATE ON mb.etl_sales_target_runs TO {role}",
    )
    make_old(target, 1, 2, 3)

    result = ran(job, AIRFLOW_CONN_POSTGRES_CONN_ID=login)

    assert "cleanup_failed" not in result.stderr
    assert runs_in(target) == {4}


def test_a_publication_needs_a_replica_identity_to_prune(
    job: Job, edited: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    target.execute("ALTER TABLE mb.sales_target REPLICA IDENTITY FULL")
    make_old(target, 1, 2, 3)

    assert "replica identity" in ran(job).event("cleanup_failed")["error"]
    assert runs_in(target) == {2, 3, 4}
    target.execute("ALTER TABLE mb.sales_target_changes REPLICA IDENTITY FULL")
    ran(job)
    assert runs_in(target) == {4}


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


def documents(job: Job, *arguments: str) -> list[Mapping[str, Any]]:
    result = job("changes", "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_numbers_and_dates_are_shown_exactly(
    job: Job, source: SourceDatabase, standin: OracleStandin, tmp_path: Path
) -> None:
    number = "12345678901234567890123456789012345678.5"
    source.execute("CREATE TABLE apps.x (id numeric, n numeric, d timestamp(3))")
    source.execute("INSERT INTO apps.x VALUES (0, 0, NULL)")
    job = job.loading(
        tmp_path / "tables.yaml", {"source": "apps.x", "target": "mb.x", "key": ["id"]}
    )
    ran(job)
    source.execute(f"INSERT INTO apps.x VALUES (1, {number}, '0044-03-15 00:00:00.001 BC')")
    ran(job)
    source.execute("UPDATE apps.x SET n = 1e-30, d = NULL WHERE id = 1")
    ran(job)

    change, new = documents(job)

    tiny = "0.000000000000000000000000000001"
    assert new["old"] is None
    assert new["new"] == {"id": "1", "n": number, "d": "0044-03-15 00:00:00.001 BC"}
    assert (change["old"], change["new"]) == (new["new"], {"id": "1", "n": tiny, "d": None})
    assert f"{number} → {tiny}" in job("changes").stdout
    assert "0044-03-15 00:00:00.001 BC → NULL" in job("changes").stdout


def test_null_keys_are_not_paired(job: Job, loaded: SourceDatabase, target: TargetDatabase) -> None:
    loaded.insert([(None, 1, 1, 2024, 1)])
    ran(job)
    loaded.execute("UPDATE {table} SET target_amount = 2 WHERE id IS NULL")
    ran(job)

    found = documents(job, "--run", "3")

    assert [(bool(each["old"]), bool(each["new"])) for each in found] == [
        (True, False),
        (False, True),
    ]


def test_filters(job: Job, edited: SourceDatabase, target: TargetDatabase) -> None:
    edited.execute("UPDATE {table} SET target_amount = 5 WHERE id = 2")
    ran(job)
    target.execute(
        "UPDATE mb.sales_target_changes"
        " SET change_to = timestamptz '2026-01-01Z' + change_run * interval '1 day'"
    )

    def found(*arguments: str) -> list[int]:
        return [each["run_number"] for each in documents(job, *arguments)]

    assert found() == [5, 4, 3, 2]
    assert found("--run", "3") == [3]
    assert found("--run", "1") == []
    assert found("--since", "2026-01-04") == [5, 4, 3]
    assert found("--until", "2026-01-04") == [2]
    assert found("--since", "2026-01-04T00:00:01", "--until", "2026-01-06T00:00:00") == [4]
    assert found("--key", "1") == [4, 3, 2]
    assert found("--key", "2.0") == [5]
    assert found("--limit", "2") == [5, 4]
    assert "See --limit" in job("changes", "--limit", "3").stdout
    assert "See --limit" not in job("changes", "--limit", "4").stdout
    assert job("changes", "--run", "1").stdout == "mb.sales_target: no changes.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--key", "abc"], "'abc' is not a value of id, which is numeric"),
        (["--key", "1e999999"], "is not a value of id"),
        (["--key", "1", "--key", "2"], "The key of mb.sales_target is id."),
        (["--run", "0"], "--run"),
        (["--run", "9223372036854775808"], "--run"),
        (["--since", "yesterday"], "--since"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage(job: Job, loaded: SourceDatabase, arguments: list[str], said: str) -> None:
    result = job("changes", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_key_of_two_columns_one_of_which_is_a_date(
    job: Job, source: SourceDatabase, standin: OracleStandin, tmp_path: Path
) -> None:
    source.execute("CREATE TABLE apps.x (code varchar(9), d timestamp(0))")
    source.execute("INSERT INTO apps.x VALUES ('z', NULL)")
    job = job.loading(
        tmp_path / "tables.yaml", {"source": "apps.x", "target": "mb.x", "key": ["code", "d"]}
    )
    ran(job)
    source.execute(
        "INSERT INTO apps.x VALUES ('a', '0044-03-15 BC'), ('a', '2024-01-31'), ('b', NULL)"
    )
    ran(job)

    def found(*key: str) -> int:
        return len(documents(job, *(part for each in key for part in ("--key", each))))

    assert (found("a"), found("b"), found("c")) == (2, 1, 0)
    assert (found("a", "2024-01-31"), found("a", "0044-03-15 BC"), found("b", "2024-01-31")) == (
        1,
        1,
        0,
    )
    assert job("changes", "--key", "a", "--key", "31.1.").exit_code == 2


def test_what_a_terminal_would_obey_is_shown_as_text(
    job: Job, source: SourceDatabase, standin: OracleStandin, tmp_path: Path
) -> None:
    source.execute("CREATE TABLE apps.x (id numeric, note varchar(99))")
    source.execute("INSERT INTO apps.x VALUES (1, 'old')")
    job = job.loading(
        tmp_path / "tables.yaml", {"source": "apps.x", "target": "mb.x", "key": ["id"]}
    )
    ran(job)
    source.execute("UPDATE apps.x SET note = E'\\x1b[2Ja\\nb\\u202e\\u009b1m\\u00e9'")
    ran(job)

    ours, theirs = os.openpty()
    process = job.through("sh", "-c", f'exec "$@" >/proc/{os.getpid()}/fd/{theirs}', "sh").start(
        "changes"
    )
    process.communicate(timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)

    # The changed values are in bold, and nothing else is an escape.
    assert "\x1b[1mold → \\x1b[2Ja\\nb\\u202e\\x9b1mé\x1b[0m" in shown
    assert re.findall(r"\x1b\[\d*\w|[\x80-\x9f\u202e]", shown) == ["\x1b[1m", "\x1b[0m"]
    assert "\x1b" not in job("changes").stdout
