"""Only the rows that differ are written, whatever the target is like."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.embedded_postgres import EmbeddedPostgres
from support.changed import changed
from support.command import Job
from support.source_database import COLUMNS, SourceDatabase
from support.target_database import TargetDatabase


def places(target: TargetDatabase) -> dict[Any, tuple[Any, ...]]:
    """Of each row, by its id: the partition, the place, and the transaction that wrote it."""
    found = target.query("SELECT id, tableoid::text, ctid::text, xmin::text FROM mb.sales_target")
    return {key: tuple(rest) for key, *rest in found}


def written(before: dict[Any, Any], after: dict[Any, Any]) -> set[Any]:
    """The ids of rows that came, went, or were written anew."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def ran(job: Job, *arguments: str, **environ: str) -> tuple[int, int, int]:
    """A run that succeeds: the rows that it read, inserted and deleted."""
    result = job("run", *arguments, **environ)
    assert result.exit_code == 0, result.stderr
    finished = result.event("run_finished")
    return finished["rows_read"], finished["rows_inserted"], finished["rows_deleted"]


@pytest.fixture
def loaded(job: Job, small_source: SourceDatabase) -> SourceDatabase:
    """24 rows in 12 months of 2024, loaded."""
    ran(job)
    return small_source


def edit(source: SourceDatabase) -> set[int]:
    """Edits, deletes, moves, new rows: returns the ids that a run has to write."""
    source.execute("UPDATE {table} SET target_amount = 0.5 WHERE id = 1")
    source.execute("DELETE FROM {table} WHERE id IN (2, 8)")
    source.execute("UPDATE {table} SET target_month = 6, target_year = 2025 WHERE id = 3")
    source.execute("UPDATE {table} SET target_month = 8 WHERE id = 4")
    source.insert([(90, 1, 1, 2024, 9), (91, 1, 1, 2031, 9)])
    return {1, 2, 3, 4, 8, 90, 91}


def test_every_other_row_keeps_its_place(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    before = places(target)
    ids = edit(loaded)

    _, inserted, deleted = ran(job)

    assert (inserted, deleted) == (5, 5)
    assert written(before, places(target)) == ids
    assert target.rows() == loaded.rows()


def test_a_full_run_writes_what_differs(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    before = places(target)
    target.execute("UPDATE mb.sales_target SET target_amount = 99 WHERE id = 5")

    assert ran(job, "--full") == (24, 1, 1)
    assert written(before, places(target)) == {5}
    assert target.rows() == loaded.rows()


@pytest.mark.parametrize("index", ["UNIQUE (id)", "PRIMARY KEY (id)"])
def test_a_row_moves_to_another_month_under_a_unique_index(
    job: Job, loaded: SourceDatabase, target: TargetDatabase, index: str
) -> None:
    target.execute(f"ALTER TABLE mb.sales_target ADD {index}")
    loaded.execute("UPDATE {table} SET target_month = 8 WHERE id = 4")  # to one that has rows
    loaded.execute("UPDATE {table} SET target_year = 1999 WHERE id = 5")  # to a new one
    loaded.execute("UPDATE {table} SET target_month = 11 WHERE target_month = 7")  # from a last one

    ran(job)

    assert target.rows() == loaded.rows()


def test_two_rows_exchange_their_ids_under_a_unique_index(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute("ALTER TABLE mb.sales_target ADD UNIQUE (id)")
    loaded.execute("UPDATE {table} SET id = 5 - id WHERE id IN (2, 3)")

    assert ran(job)[1:] == (2, 2)
    assert target.rows() == loaded.rows()


def test_a_partitioned_target(job: Job, loaded: SourceDatabase, target: TargetDatabase) -> None:
    """Places are unique in their partition alone."""
    target.execute(
        "ALTER TABLE mb.sales_target RENAME TO stored;"
        "CREATE TABLE mb.sales_target (LIKE mb.stored) PARTITION BY LIST (target_month);"
        "CREATE TABLE mb.odd PARTITION OF mb.sales_target FOR VALUES IN (1, 3, 5, 7, 9, 11);"
        "CREATE TABLE mb.rest PARTITION OF mb.sales_target DEFAULT;"
        "INSERT INTO mb.sales_target SELECT * FROM mb.stored"
    )
    before = places(target)
    ids = edit(loaded)

    ran(job)

    assert written(before, places(target)) == ids
    assert target.rows() == loaded.rows()


def test_generated_and_own_columns_are_left_alone(
    job: Job, loaded: SourceDatabase, target: TargetDatabase, tmp_path: Path
) -> None:
    target.execute(
        "ALTER TABLE mb.sales_target ADD doubled numeric GENERATED ALWAYS AS (target_amount * 2)"
        " STORED, ADD loaded_by text DEFAULT 'the first run', ADD number int GENERATED ALWAYS AS"
        " IDENTITY; ALTER TABLE mb.sales_target ALTER loaded_by SET DEFAULT 'the second run'"
    )
    ids = edit(loaded)
    definition = {
        "source": loaded.table,
        "target": "mb.sales_target",
        "columns": COLUMNS.split(", "),
        "period": {"year": "target_year", "month": "target_month"},
        "load_columns": ["loaded_by", "number"],
    }

    ran(job.loading(tmp_path / "tables.yaml", definition))

    found = target.query("SELECT id, loaded_by, doubled = target_amount * 2 FROM mb.sales_target")
    assert {key for key, by, _ in found if by == "the second run"} == ids - {2, 8}
    assert {is_doubled for _, _, is_doubled in found} == {True, None}
    changes = target.query("SELECT DISTINCT id FROM mb.sales_target_changes")
    assert {row[0] for row in changes} == ids


def test_a_user_that_may_make_no_temporary_tables(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    [(database,)] = target.query("SELECT current_database()")
    login = target.login_of(
        "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
        "GRANT USAGE ON SCHEMA mb TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA mb TO {role}",
    )
    job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"] = login
    edit(loaded)

    check, result = job("check"), job("run")

    assert (check.exit_code, result.exit_code) == (77, 77)
    grant = f"GRANT TEMPORARY ON DATABASE {database} TO"
    assert grant in check.stdout
    assert grant in result.failure["remedy"]
    role = login.split("//")[1].split(":")[0]
    target.execute(f"{grant} {role}")
    ran(job)
    assert target.rows() == loaded.rows()


def test_little_temporary_disk_is_said(
    job: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    login = target.login_of(
        "GRANT CREATE ON DATABASE {database} TO {role}",
        "ALTER ROLE {role} SET temp_file_limit = '64kB'",
    )
    job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"] = login
    source.insert((n, n, 1, 2024, n) for n in range(20_000))
    ran(job)
    source.execute("UPDATE {table} SET target_amount = target_amount + 1")
    # With as little memory as a table of many millions of rows would leave to each of these.
    small = changed(
        "from etl_sales_target.postgres import apply\nfrom sqlalchemy import text\n"
        "apply._WORK_MEM = text(\"SET LOCAL work_mem = '64kB'\")"
    )

    result = job.through(*small)("run")

    assert result.exit_code == 69, result.stderr
    assert result.failure["code"] == "53400"
    assert "temp_file_limit" in result.failure["remedy"]
    [(amount,)] = target.query("SELECT sum(target_amount - id) FROM mb.sales_target")
    assert amount == 0


@pytest.fixture
def logical(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that decodes its log."""
    with EmbeddedPostgres({"wal_level": "logical"}) as server:
        yield server


def test_a_subscriber_sees_exactly_the_rows_that_changed(
    job: Job, small_source: SourceDatabase, logical: EmbeddedPostgres
) -> None:
    target = TargetDatabase(logical.create_database("decoded"))
    job.environ["AIRFLOW_CONN_POSTGRES_CONN_ID"] = target.url
    ran(job)
    target.execute(
        "ALTER TABLE mb.sales_target REPLICA IDENTITY FULL;"
        "CREATE PUBLICATION ours FOR TABLE mb.sales_target"
    )
    target.query("SELECT pg_create_logical_replication_slot('ours', 'pgoutput')")
    small_source.execute("UPDATE {table} SET target_amount = 0.5 WHERE id = 1")
    small_source.execute("DELETE FROM {table} WHERE id = 2")
    small_source.insert([(91, 1, 1, 2031, 9)])

    ran(job)
    assert decoded(target) == [("D", b"1"), ("D", b"2"), ("I", b"1"), ("I", b"91")]

    ran(job, "--full")
    assert decoded(target) == []


def decoded(target: TargetDatabase) -> list[tuple[str, bytes]]:
    """What a subscriber is sent since the last time: of each row what happened, and its id.

    Source: PostgreSQL's documentation, "Logical Replication Message Formats".
    """
    messages = target.query(
        "SELECT data FROM pg_logical_slot_get_binary_changes('ours', NULL, NULL,"
        " 'proto_version', '1', 'publication_names', 'ours')"
    )
    found = []
    for (data,) in messages:
        kind = data[:1].decode()
        if kind in "IUDT":
            # Kind, relation, tuple's kind, number of columns; then kind, length, text of each.
            length = int.from_bytes(data[9:13], "big")
            found.append((kind, data[13 : 13 + length]))
    return sorted(found)
