"""What cannot be kept exactly: one clear sentence, the right exit code, everything as it was."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from support.any_table import AnyTables
from support.result import Result

NUL, MALFORMED = "\ufdd0", "\ufdd1"  # the stand-in's words for them


@dataclass(frozen=True)
class Case:
    """A column's type in the stand-in, a value that loads, then what happens to the source."""

    column: str
    value: str
    edit: str
    exit_code: int
    sentence: str
    remedy: str = ""
    entries: dict[str, Any] = field(default_factory=dict)


CASES = {
    "a text that is not valid": Case(
        "varchar(9)", "'a'", f"INSERT INTO {{s}} VALUES (2, 'a{MALFORMED}')", 65,
        "Column x of apps.{n} has a text that is not valid in its character set.",
    ),
    "a national text that is not valid": Case(
        "oracle_standin.nvarchar2", "'a'", f"INSERT INTO {{s}} VALUES (2, 'a{MALFORMED}')", 65,
        "Column x of apps.{n} has a text that is not valid in its character set.",
    ),
    "U+0000": Case(
        "varchar(9)", "'a'", f"INSERT INTO {{s}} VALUES (2, 'a{NUL}b')", 65,
        "Column x has a text with U+0000, which PostgreSQL cannot store.",
    ),
    "U+0000 in a CHAR": Case(
        "character(9)", "'a'", f"INSERT INTO {{s}} VALUES (2, '{NUL}')", 65,
        "Column x has a text with U+0000, which PostgreSQL cannot store.",
    ),
    # The stand-in's 29 February 11504 is that of 1500.
    "29 February 1500": Case(
        "timestamp(0)", "'2024-02-29'", "INSERT INTO {s} VALUES (2, '11504-02-29')", 65,
        "column x", "such as 29 February 1500",
    ),
    "29 February 1500 as a period": Case(
        "timestamp(0)", "'2024-02-29'", "INSERT INTO {s} VALUES (2, '11504-02-29')", 65,
        "column x", "such as 29 February 1500", {"period": {"date": "x"}},
    ),
    "a column that appears": Case(
        "numeric", "1", "ALTER TABLE {s} ADD y varchar(9)", 69,
        "Column y is in apps.{n}, but not in mb.{n}.",
        "ALTER TABLE mb.{n} ADD COLUMN y TEXT; or leave it out with `columns: [id, x]`",
    ),
    "a column that vanishes": Case(
        "numeric", "1", "ALTER TABLE {s} DROP x", 69,
        "column x is not loaded", "ALTER TABLE … DROP COLUMN",
    ),
    "a listed column that vanishes": Case(
        "numeric", "1", "ALTER TABLE {s} DROP x", 69,
        "apps.{n} has no column x.", "`columns: [id]`", {"columns": ["id", "x"]},
    ),
    "a table that vanishes": Case("numeric", "1", "DROP TABLE {s}", 69, "does not exist"),
    "a text in a number's place": Case(
        "numeric", "1", "ALTER TABLE {s} ALTER x TYPE varchar(9)", 69,
        "Column x of mb.{n} is numeric, and VARCHAR2(9) of the source needs text.",
        "ALTER TABLE mb.{n} DROP COLUMN x, ADD COLUMN x TEXT; then `run --full`.",
    ),
    "a number in a date's place": Case(
        "timestamp(0)", "'2024-01-01'", "ALTER TABLE {s} ALTER x TYPE numeric USING 20240101", 69,
        "is timestamp(0) without time zone, and NUMBER of the source needs numeric.",
        "ALTER TABLE mb.{n} DROP COLUMN x, ADD COLUMN x NUMERIC; then `run --full`.",
    ),
    "more digits of a second": Case(
        "timestamp(0)", "'2024-01-01'", "ALTER TABLE {s} ALTER x TYPE timestamp(3)", 69,
        "and TIMESTAMP(3) of the source needs timestamp(3) without time zone.",
        "ALTER TABLE mb.{n} ALTER COLUMN x TYPE timestamp(3) without time zone; then",
    ),
    "a period that is no number": Case(
        "numeric", "1", "ALTER TABLE {s} ALTER x TYPE varchar(9)", 78,
        "Column x of the period of mb.{n} is VARCHAR2(9), not a NUMBER.",
        entries={"period": {"year": "id", "month": "x"}},
    ),
    "a period that is no date": Case(
        "timestamp(0)", "'2024-01-01'", "ALTER TABLE {s} ALTER x TYPE numeric USING 1", 78,
        "Column x of the period of mb.{n} is NUMBER, not a DATE or TIMESTAMP.",
        entries={"period": {"date": "x"}},
    ),
    "a name in mixed case": Case(
        "numeric", "1", 'ALTER TABLE {s} ADD "Mixed" numeric', 69,
        'Column "Mixed" of apps.{n} is not in upper case in Oracle.', "`columns: [id, x]`",
    ),
    "a name with a blank": Case(
        "numeric", "1", 'ALTER TABLE {s} RENAME x TO "b c"', 78,
        "Column b c of apps.{n} is not a name",
    ),
    "a name of the history's": Case(
        "numeric", "1", "ALTER TABLE {s} ADD change_run numeric", 78,
        "begins with change_", "`columns: [id, x]`",
    ),
}  # fmt: skip


def begin(tables: AnyTables, name: str, case: Case) -> None:
    tables.behind.execute(
        f"CREATE TABLE apps.{name} (id numeric, x {case.column})",
        f"INSERT INTO apps.{name} VALUES (1, {case.value})",
    )
    tables.define({"source": f"apps.{name}", "target": f"mb.{name}", **case.entries})
    result = tables.job("run")
    assert result.exit_code == 0, result.stderr


def refused(result: Result, name: str, exit_code: int, sentence: str, remedy: str = "") -> str:
    """Asserts that the command said so; returns the remedy."""
    assert result.exit_code == exit_code, result.stderr
    assert sentence.format(n=name) in result.failure["error"]
    assert remedy.format(n=name) in result.failure["remedy"]
    assert "Traceback" not in result.stderr
    return str(result.failure["remedy"])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_refused(tables: AnyTables, name: str, case: Case) -> None:
    begin(tables, name, case)
    before = tables.target_rows(f"mb.{name}"), left(tables, name)
    tables.behind.execute(case.edit.format(s=f"apps.{name}"))

    refused(tables.job("run", "--allow-shrink"), name, case.exit_code, case.sentence, case.remedy)

    assert (tables.target_rows(f"mb.{name}"), left(tables, name)) == before


def left(tables: AnyTables, name: str) -> list[tuple[Any, ...]]:
    """What the ledger says of the loaded periods, and the table's columns."""
    return tables.target.query(
        f"SELECT period, row_count, digest, digest_version, run_id FROM mb.etl_sales_target_periods"
        f" WHERE target_table = 'mb.{name}' UNION ALL SELECT attname, atttypid, NULL, NULL, NULL"
        f" FROM pg_attribute WHERE attrelid = 'mb.{name}'::regclass AND attnum > 0 ORDER BY 1, 2"
    )


def test_a_view_that_fails(tables: AnyTables, name: str) -> None:
    tables.behind.execute(
        f"CREATE TABLE apps.{name}_rows AS SELECT 1::numeric AS id",
        f"CREATE VIEW apps.{name} AS SELECT id, 6 / id AS x FROM apps.{name}_rows",
    )
    tables.define({"source": f"apps.{name}", "target": f"mb.{name}"})
    assert tables.job("run").exit_code == 0
    tables.behind.execute(f"INSERT INTO apps.{name}_rows VALUES (0)")

    refused(tables.job("run"), name, 65, "divisor is equal to zero", "correct the row or the view")

    assert tables.target_rows(f"mb.{name}").total() == 1


@pytest.mark.parametrize(
    ("code", "exit_code"), [(1476, 65), (1722, 65), (20001, 65), (1555, 75), (28, 75), (1002, 70)]
)
def test_a_view_that_fails_in_mid_read(
    tables: AnyTables, name: str, code: int, exit_code: int
) -> None:
    begin(tables, name, Case("numeric", "1", "", 0, ""))
    tables.behind.execute(f"INSERT INTO apps.{name} SELECT n, n FROM generate_series(2, 3000) AS n")
    tables.standin.faults.ora_error(code, after_rows=1500)

    result = tables.job("run", ETL_BATCH_ROWS="500")

    assert result.exit_code == exit_code, result.stderr
    assert result.failure["code"] == f"ORA-{code:05d}"
    assert result.failure["phase"] == "copy"
    assert tables.target_rows(f"mb.{name}").total() == 1


REFUSED_TYPES = {
    "oracle_standin.clob": "CLOB",
    "oracle_standin.nclob": "NCLOB",
    "oracle_standin.blob": "BLOB",
    "oracle_standin.long": "LONG",
    "oracle_standin.long_raw": "LONG RAW",
    "oracle_standin.boolean": "BOOLEAN",
    "oracle_standin.json": "JSON",
    "oracle_standin.timestamp_7": "TIMESTAMP(7)",
    "oracle_standin.timestamp_9": "TIMESTAMP(9)",
    "oracle_standin.timestamp_ltz": "TIMESTAMP WITH LOCAL TIME ZONE",
    "timestamptz(6)": "TIMESTAMP WITH TIME ZONE",
    "double precision": "BINARY_DOUBLE",
    "real": "BINARY_FLOAT",
    "bytea": "RAW",
}


def test_a_type_that_cannot_be_kept_is_refused_by_name(tables: AnyTables, name: str) -> None:
    """All of them in one table: each is the first in turn, and the remedy's line leaves all out."""
    for column, own in enumerate(REFUSED_TYPES):
        tables.behind.execute(f"CREATE TABLE apps.{name}_{column} (y {own}, id numeric)")
    tables.define(
        *(
            {"source": f"apps.{name}_{column}", "target": f"mb.{name}_{column}"}
            for column in range(len(REFUSED_TYPES))
        )
    )

    result = tables.job("run", "--allow-shrink")

    assert result.exit_code == 69
    failed = [event for event in result.events if event["event"] == "table_failed"]
    assert [event["error"] for event in failed] == [
        f"Column y of apps.{name}_{column} is {oracle}, a type that the job does not load."
        for column, oracle in enumerate(REFUSED_TYPES.values())
    ]
    assert {event["remedy"] for event in failed} == {
        "Leave it out, with `columns: [id]` in ETL_TABLES_FILE."
    }


def test_a_type_that_is_left_out_does_no_harm(tables: AnyTables, name: str) -> None:
    columns = ", ".join(f"x{number} {own}" for number, own in enumerate(REFUSED_TYPES))
    tables.behind.execute(
        f"CREATE TABLE apps.{name} ({columns}, id numeric)",
        f"INSERT INTO apps.{name} (id) VALUES (1), (2)",
    )
    tables.define({"source": f"apps.{name}", "target": f"mb.{name}", "columns": ["id"]})

    result = tables.job("run")

    assert result.exit_code == 0, result.stderr
    assert tables.target_rows(f"mb.{name}") == tables.source_rows(f"apps.{name}", ["id"])
