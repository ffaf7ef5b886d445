"""Old changes are pruned after a run, and the horizon says so."""

import pytest

from support.changed import changed
from support.changes_guide import as_of
from support.command import Job
from support.history import horizon, is_refused_as_of, make_old, ran, runs_in
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase


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
