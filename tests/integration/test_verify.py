"""`verify`: what it finds, what it shows, and that it writes nothing."""

import pytest

from oracle_standin import OracleStandin
from support.command import Job
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase


@pytest.fixture
def loaded(job: Job, small_source: SourceDatabase) -> SourceDatabase:
    """A source, and a target that equals it."""
    assert job("run").exit_code == 0
    return small_source


@pytest.mark.parametrize("arguments", [(), ("--rows",)])
def test_equal(
    job: Job, loaded: SourceDatabase, target: TargetDatabase, arguments: tuple[str, ...]
) -> None:
    result = job("verify", *arguments)

    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Equal: 12 periods, 24 rows, compared ")


def test_the_differing_periods_are_named(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute("UPDATE mb.sales_target SET target_amount = 14 WHERE id = 14")
    target.execute("DELETE FROM mb.sales_target WHERE id = 15")
    before = target.rows()

    result = job("verify")

    assert result.exit_code == 65
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["2024-03", "sum", "of", "target_amount", "14.25", "14"] in lines
    assert ["2024-04", "rows", "2", "1"] in lines
    assert result.failure["error"] == "Source and target differ: mb.sales_target."
    assert target.rows() == before


def test_rows_sees_what_counts_and_sums_miss(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    # The two rows of one period swap their ids.
    target.execute("UPDATE mb.sales_target SET id = 16 - id WHERE id IN (2, 14)")

    by_sums, by_rows = job("verify"), job("verify", "--rows")

    assert by_sums.exit_code == 0
    assert by_rows.exit_code == 65
    assert "2 rows only in the source:" in by_rows.stdout
    assert "2 rows only in the target:" in by_rows.stdout


def test_rows_counts_duplicates(job: Job, loaded: SourceDatabase, target: TargetDatabase) -> None:
    target.execute("INSERT INTO mb.sales_target SELECT * FROM mb.sales_target WHERE id = 14")

    result = job("verify", "--rows")

    assert "1 rows only in the target:" in result.stdout
    assert "14.25" in result.stdout
    assert "rows only in the source" not in result.stdout


def test_rows_shows_twenty(job: Job, loaded: SourceDatabase, target: TargetDatabase) -> None:
    target.execute("UPDATE mb.sales_target SET product_id = 77")

    result = job("verify", "--rows")

    assert "24 rows only in the source, the first 20:" in result.stdout
    assert result.stdout.count(" 77 ") == 20


@pytest.mark.parametrize("arguments", [(), ("--rows",)])
def test_a_difference_that_is_gone_at_a_second_look_is_no_alarm(
    job: Job, loaded: SourceDatabase, standin: OracleStandin, arguments: tuple[str, ...]
) -> None:
    loaded.execute("UPDATE {table} SET target_amount = 0 WHERE id = 14")
    edits = iter(["UPDATE {table} SET target_amount = 14.25 WHERE id = 14"])
    standin.faults.before_fetch(
        lambda _rows: loaded.execute(next(edits, "DELETE FROM {table} WHERE id = -1")),
        on="group by",
    )

    result = job("verify", *arguments)

    assert result.event("difference_found")
    assert result.exit_code == 0, result.stdout


def test_writes_nothing(job: Job, loaded: SourceDatabase, target: TargetDatabase) -> None:
    everything = "SELECT ctid::text, * FROM mb.sales_target"
    runs = "SELECT * FROM mb.etl_sales_target_runs"
    before = target.query(everything), target.query(runs)

    job("verify", "--rows")

    assert (target.query(everything), target.query(runs)) == before
    assert target.query("SELECT count(*) FROM pg_class WHERE relname LIKE '%source_rows'") == [(0,)]


def test_needs_the_target(job: Job, small_source: SourceDatabase) -> None:
    result = job("verify")

    assert result.exit_code == 69
    assert "The target mb.sales_target does not exist." in result.failure["error"]
