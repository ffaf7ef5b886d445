"""Every example of docs/tables.md runs as it stands there, against the stand-in."""

import csv
import re
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from oracle_standin import OracleStandin
from support.command import Job
from support.source_database import SourceDatabase
from support.tables_guide import Block, examples
from support.target_database import TargetDatabase

# Oracle's types as the database behind the stand-in has them.
TYPES = {
    r"NUMBER": "numeric",
    r"VARCHAR2": "varchar",
    r"DATE": "timestamp(0)",
    r"NVARCHAR2\(\d+\)": "oracle_standin.nvarchar2",
    r"BLOB": "oracle_standin.blob",
}


def in_the_stand_in(statement: str) -> str:
    if statement.startswith("CREATE TABLE"):
        for name, counterpart in TYPES.items():
            statement = re.sub(rf"(?<= ){name}(?=[(,\n])", counterpart, statement)
    return statement


def printed(target: TargetDatabase, query: str) -> list[list[str]]:
    """What psql prints for this query."""
    with (
        psycopg.connect(target.url) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)".encode()) as copy,
    ):
        text = b"".join(copy).decode()
    return [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tables.yaml"


@pytest.fixture
def job(job: Job, source: SourceDatabase, file: Path) -> Job:
    """The job as its user starts it, with an empty source."""
    source.execute("DROP TABLE {table}")
    job.environ["ETL_TABLES_FILE"] = str(file)
    del job.environ["ETL_SOURCE_TABLE"]
    return job


@pytest.mark.parametrize("example", examples().values(), ids=examples())
def test_an_example(
    standin: OracleStandin,
    source: SourceDatabase,
    target: TargetDatabase,
    job: Job,
    file: Path,
    example: list[Block],
) -> None:
    shown = 0
    for block, following in pairwise([*example, Block("end", "")]):
        if block.language == "yaml":
            file.write_text(block.text)
            continue
        for statement in block.statements if block.language == "sql" else []:
            match block.place:
                case "In Oracle":
                    source.execute(in_the_stand_in(statement))
                case "In PostgreSQL, by you":
                    target.execute(statement)
                case "In PostgreSQL":
                    done = job("run")
                    assert done.exit_code == 0, done.stderr
                    assert printed(target, statement) == following.rows
                    shown += 1
                case place:
                    pytest.fail(f"Where is {place}?")
    assert shown
    assert job("verify", "--rows").exit_code == 0


def test_a_column_of_another_type_is_refused_unless_it_is_left_out(
    standin: OracleStandin, source: SourceDatabase, job: Job, file: Path
) -> None:
    source.execute("CREATE TABLE apps.orders (id numeric, attachment oracle_standin.blob)")
    file.write_text("tables: [{source: apps.orders, target: mb.orders}]")

    assert job("run").failure["exit_code"] == 69
    file.write_text("tables: [{source: apps.orders, target: mb.orders, columns: [id]}]")
    assert job("run", "--allow-shrink").exit_code == 0


# What happens to the source; with which columns listed; what the run says, or None.
CHANGES = {
    "new": ("ADD COLUMN x numeric", None, "ALTER TABLE mb.orders ADD COLUMN x NUMERIC"),
    "new_but_not_listed": ("ADD COLUMN x numeric", "[id, note]", None),
    "gone": ("DROP COLUMN note", None, "column note is not loaded"),
    "gone_but_listed": (
        "DROP COLUMN note", "[id, note]", "apps.orders has no column note. Leave it out",
    ),
    "another_type": (
        "ALTER COLUMN id TYPE varchar(9)", None,
        "ALTER TABLE mb.orders DROP COLUMN id, ADD COLUMN id TEXT",
    ),
    "another_size": ("ALTER COLUMN note TYPE varchar(20)", None, None),
}  # fmt: skip


@pytest.mark.parametrize(("change", "columns", "said"), CHANGES.values(), ids=CHANGES)
def test_the_sources_columns_change(
    standin: OracleStandin,
    source: SourceDatabase,
    target: TargetDatabase,
    job: Job,
    file: Path,
    change: str,
    columns: str | None,
    said: str | None,
) -> None:
    listed = f", columns: {columns}" if columns else ""
    file.write_text(f"tables: [{{source: apps.orders, target: mb.orders{listed}}}]")
    source.execute("CREATE TABLE apps.orders (id numeric, note varchar(10))")
    source.execute("INSERT INTO apps.orders VALUES (1, 'a')")
    assert job("run").exit_code == 0

    source.execute(f"ALTER TABLE apps.orders {change}")
    done = job("run")

    assert done.exit_code == (69 if said else 0), done.stderr
    if said:
        assert said in f"{done.failure['error']} {done.failure['remedy']}"
    assert target.query("SELECT id, note FROM mb.orders") == [(1, "a")]
