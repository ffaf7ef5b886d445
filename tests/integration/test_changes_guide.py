"""The questions of docs/changes.md, asked as they stand there, and the answers that stand there."""

import re

import psycopg
import pytest

from oracle_standin import OracleStandin
from support.changes_guide import GUIDE, ORACLE, OWNER, as_of, commands, edits, questions, section
from support.command import Job
from support.psql import printed
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

# When the snapshots of the example's runs were taken.
SNAPSHOTS = re.findall(r"between (\S+ \S+) and (\S+ \S+) UTC", GUIDE)


@pytest.fixture
def history(
    standin: OracleStandin, source: SourceDatabase, target: TargetDatabase, job: Job
) -> TargetDatabase:
    """The target after the example's four runs, at the times that the document gives."""
    source.execute("DROP TABLE {table}")
    for block in edits().values():
        for statement in block.statements:
            if block.place.startswith(ORACLE):
                source.execute(statement.replace("NUMBER", "numeric"))
            else:
                target.execute(statement)
        assert job("run").exit_code == 0
    times = [SNAPSHOTS[-1][0], *(until for _, until in reversed(SNAPSHOTS))]
    for number, time in enumerate(times, start=1):
        target.execute(
            f"UPDATE mb.etl_sales_target_runs SET snapshot = '{time}Z' WHERE run_number = {number};"
            f"UPDATE mb.sales_target_changes SET change_to = '{time}Z' WHERE change_run = {number};"
            f"UPDATE mb.sales_target_changes SET change_from = '{time}Z'"
            f" WHERE change_run = {number + 1}"
        )
    return target


def test_the_example_has_four_runs() -> None:
    assert list(edits()) == [1, 2, 3, 4]
    assert len(SNAPSHOTS) == 3
    assert len(questions()) == 5


def test_every_question_has_the_answer_that_stands_there(history: TargetDatabase) -> None:
    answers = {
        question: printed(history.url, query) for question, (query, _) in questions().items()
    }

    assert answers == {question: answer for question, (_, answer) in questions().items()}


def test_every_run_since_the_horizon_can_be_asked_for(history: TargetDatabase) -> None:
    ids = {run: {row[0] for row in history.query(as_of(run))} for run in (1, 2, 3, 4)}

    assert ids == {1: {1, 2, 3, 4}, 2: {1, 2, 3, 5}, 3: {1, 2, 3, 5}, 4: {1, 2, 3, 5}}


@pytest.mark.parametrize("run", [0, 5])
@pytest.mark.parametrize(
    "lost", ["", "DELETE FROM mb.sales_target_changes", "TRUNCATE mb.sales_target"]
)
def test_any_other_run_is_refused_in_words(history: TargetDatabase, run: int, lost: str) -> None:
    """Whatever the planner makes of empty tables."""
    if lost:
        history.execute(lost)

    with pytest.raises(psycopg.DataError) as refused:
        history.query(as_of(run))

    assert f"ERROR:  {refused.value}" in GUIDE


@pytest.mark.parametrize("command", commands())
def test_the_command_prints_what_stands_there(
    history: TargetDatabase, job: Job, command: str
) -> None:
    name, *arguments = command.split()
    assert name == "etl-sales-target"

    assert job(*arguments).stdout.strip() == commands()[command].strip()


def test_a_reader_needs_the_grant_that_stands_there(history: TargetDatabase) -> None:
    reader = history.login_of("GRANT USAGE ON SCHEMA mb TO {role}")
    [grant] = section("Who may read it")
    [(query, answer)] = [q for name, q in questions().items() if name.endswith("last run?")]
    assert grant.place == OWNER

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        printed(reader, query)
    role = reader.split("//")[1].split(":")[0]
    for statement in grant.statements:
        history.execute(statement.replace("reporting", role))

    assert printed(reader, query) == answer


def test_a_person_is_erased(history: TargetDatabase) -> None:
    [erase] = section("How to erase a person")
    assert erase.place == OWNER

    for statement in erase.statements:
        history.execute(statement)

    assert history.query("SELECT FROM mb.sales_target_changes WHERE id = 4") == []
    assert {row[0] for row in history.query(as_of(1))} == {1, 2, 3}


def test_the_question_about_a_run_uses_the_index(history: TargetDatabase) -> None:
    """As they do when the history has become long."""
    history.execute(
        "INSERT INTO mb.sales_target_changes SELECT change_run + n, change_from, change_to,"
        " change_operation, change_reason, id + n FROM mb.sales_target_changes,"
        " generate_series(10, 20000) AS n; ANALYZE mb.sales_target_changes"
    )
    plan = str(history.query(f"EXPLAIN {questions()['What changed in the last run?'][0]}"))
    assert "Bitmap Index Scan" in plan, plan
    assert "Seq Scan on sales_target_changes" not in plan, plan
