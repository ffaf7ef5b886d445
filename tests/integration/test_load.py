"""What a load does to the target, whatever happens beside it."""

import threading
from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest

from oracle_standin import OracleStandin
from oracle_standin.faults import Faults
from support.command import Job
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase


def test_run_makes_the_target_and_fills_it(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    result = job("run")

    assert result.exit_code == 0, result.stderr
    assert target.rows() == small_source.rows()
    finished = result.event("run_finished")
    assert (finished["rows_inserted"], finished["periods"]["new"]) == (24, 12)
    assert finished["bytes_to_postgres"] > 24 * 10
    assert finished["bytes_from_oracle"] > 24 * 10


def test_second_run_moves_nothing(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    job("run")
    before = target.query("SELECT ctid, xmin FROM mb.sales_target")

    result = job("run")

    assert result.exit_code == 0
    assert result.event("run_finished")["periods"]["unchanged"] == 12
    assert target.query("SELECT ctid, xmin FROM mb.sales_target") == before


def test_full_run_reads_everything_and_writes_what_differs(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    job("run")
    target.execute("UPDATE mb.sales_target SET target_amount = -1 WHERE id = 7")
    others = "SELECT ctid, xmin FROM mb.sales_target WHERE id <> 7 ORDER BY id"
    records = "SELECT * FROM mb.etl_sales_target_periods ORDER BY period"
    before = target.query(others), target.query(records)

    result = job("run", "--full")

    finished = result.event("run_finished")
    assert (finished["rows_read"], finished["rows_deleted"], finished["rows_inserted"]) == (
        24, 1, 1,
    )  # fmt: skip
    assert finished["periods"]["forced"] == 12
    assert target.rows() == small_source.rows()
    assert (target.query(others), target.query(records)) == before


def test_null_periods_and_duplicate_rows_arrive(
    job: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    source.insert([(1, 1, None, None, 1), (1, 1, None, None, 1), (None, None, 13, 2024, None)])

    assert job("run").exit_code == 0
    assert target.rows() == source.rows()


def test_backfill_reloads_its_months_and_no_other(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    small_source.insert([(99, 1, None, None, 5)])
    job("run")
    before = target.rows()
    small_source.execute("UPDATE {table} SET target_amount = 7 WHERE target_month IN (2, 3, 4)")
    small_source.execute("DELETE FROM {table} WHERE target_month = 5")

    result = job("backfill", "--from", "2024-03", "--to", "2024-05")

    assert result.exit_code == 0, result.stderr
    expected = [row for row in small_source.rows() if row[2] in (3, 4)]
    expected += [row for row in before if row[2] not in (3, 4, 5)]
    assert sorted(map(str, target.rows())) == sorted(map(str, expected))
    periods = result.event("run_finished")["periods"]
    assert (periods["changed"], periods["removed"]) == (2, 1)


def test_backfill_of_months_without_rows_does_nothing(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    job("run")

    result = job("backfill", "--from", "1999-01", "--to", "1999-12")

    assert result.exit_code == 0
    assert result.event("run_finished")["rows_read"] == 0
    assert target.rows() == small_source.rows()


def test_a_change_in_mid_read_is_left_for_the_next_run(
    job: Job, source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    source.insert((n, 1, n % 12 + 1, 2024, n) for n in range(1000))
    snapshot = source.rows()
    edits = iter(
        [
            "UPDATE {table} SET target_amount = target_amount + 1",
            "DELETE FROM {table} WHERE target_month = 2",
            "INSERT INTO {table} VALUES (5000, 1, 1, 2030, 1)",
        ]
    )

    def edit(rows_sent: int) -> None:
        if rows_sent:
            source.execute(next(edits, "DELETE FROM {table} WHERE id = -1"))

    standin.faults.before_fetch(edit)

    result = job("run", ETL_BATCH_ROWS="20")

    assert result.exit_code == 0, result.stderr
    assert result.event("reconciliation_passed")["rows"] == 1000
    assert next(edits, None) is None
    assert target.rows() == snapshot != source.rows()


def test_readers_see_old_or_new_and_never_wait(
    job: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    source.insert((n, 1, n % 12 + 1, 2024, 1) for n in range(100_000))
    job("run")
    source.execute("UPDATE {table} SET target_amount = 2")
    source.insert([(0, 0, 1, 2024, 2)])
    seen: set[tuple[int, Decimal]] = set()
    failures = []
    done = threading.Event()

    def read() -> None:
        # A query that a lock holds up for longer than this fails; a busy machine fails none.
        options = "-c lock_timeout=100ms"
        with psycopg.connect(target.url, autocommit=True, options=options) as connection:
            while not done.is_set():
                try:
                    row = connection.execute(
                        "SELECT count(*), sum(target_amount) FROM mb.sales_target"
                    ).fetchone()
                except psycopg.Error as error:
                    failures.append(error)
                else:
                    assert row is not None
                    seen.add(row)

    reader = threading.Thread(target=read)
    reader.start()
    result = job("run")
    done.set()
    reader.join()

    assert result.exit_code == 0, result.stderr
    assert seen == {(100_000, Decimal(100_000)), (100_001, Decimal(200_002))}
    assert failures == []


def test_sigterm_leaves_the_old_rows(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    job("run")
    before = target.rows()
    small_source.execute("UPDATE {table} SET target_amount = 0")
    reached = threading.Event()
    standin.faults.before_fetch(lambda rows: reached.set() if rows >= 10 else None)
    standin.faults.delay(fetch=1)
    process = job.start("run", "--full", ETL_BATCH_ROWS="1")
    assert reached.wait(30)

    process.terminate()
    _, stderr = process.communicate(timeout=20)

    assert process.returncode == 143, stderr
    assert "Stopped by SIGTERM" in stderr
    assert target.rows() == before
    standin.faults.clear()
    assert job("run").exit_code == 0
    assert target.rows() == small_source.rows()


def test_a_killed_run_leaves_the_old_rows_and_no_lock(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    job("run")
    before = target.rows()
    small_source.execute("DELETE FROM {table} WHERE id < 5")
    reached = threading.Event()
    standin.faults.before_fetch(lambda rows: reached.set() if rows >= 10 else None)
    standin.faults.delay(fetch=1)
    process = job.start("run", "--full", ETL_BATCH_ROWS="1")
    assert reached.wait(30)

    process.kill()
    process.communicate()

    assert target.rows() == before
    standin.faults.clear()
    assert job("run").exit_code == 0
    assert target.rows() == small_source.rows()


def test_two_runs_never_load_at_once(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    reached = threading.Event()
    standin.faults.before_fetch(lambda _rows: reached.set())
    standin.faults.delay(fetch=0.5)
    first = job.start("run", ETL_BATCH_ROWS="1")
    assert reached.wait(30)

    second = job("run")
    _, stderr = first.communicate(timeout=60)

    assert second.exit_code == 75
    assert "Another run is loading mb.sales_target" in second.failure["error"]
    assert second.failure["holder"].startswith("etl-sales-target 20")
    assert first.returncode == 0, stderr
    assert target.rows() == small_source.rows()


def test_a_target_that_changes_what_it_is_given_fails_the_reconciliation(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    job("run")
    target.execute("DELETE FROM mb.sales_target WHERE target_month = 3")
    before = target.rows()
    target.execute("""
        CREATE FUNCTION mb.spoil() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.target_amount := NEW.target_amount + 0.01; RETURN NEW; END $$;
        CREATE TRIGGER spoil BEFORE INSERT ON mb.sales_target
        FOR EACH ROW WHEN (NEW.target_month = 3) EXECUTE FUNCTION mb.spoil()
    """)

    result = job("run")

    assert result.exit_code == 65
    assert "2024-03 sum of target_amount: expected 14.25, found 14.26" in result.failure["error"]
    assert target.rows() == before


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda faults: faults.ora_error(1555, after_rows=10), "ORA-01555"),
        (lambda faults: faults.drop_connection(after_rows=10), "DPY-4011"),
        (lambda faults: faults.drop_connection(after_rows=10, reset=True), "DPY-4011"),
    ],
)
def test_a_source_that_fails_in_mid_read_leaves_the_old_rows(
    job: Job,
    small_source: SourceDatabase,
    target: TargetDatabase,
    standin: OracleStandin,
    fault: Callable[[Faults], None],
    code: str,
) -> None:
    job("run")
    before = target.rows()
    small_source.execute("UPDATE {table} SET target_amount = 0")
    fault(standin.faults)

    result = job("run", ETL_BATCH_ROWS="1")

    assert result.exit_code == 75, result.stderr
    assert result.failure["code"] == code
    assert target.rows() == before


def test_a_silent_source_is_given_up(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    standin.faults.delay(fetch=30)

    result = job("run", ETL_CALL_TIMEOUT_SECONDS="1", ETL_BATCH_ROWS="1")

    assert result.exit_code == 75
    assert result.failure["code"] == "DPY-4024"
    assert not target.exists()
