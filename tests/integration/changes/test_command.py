"""What `changes` shows of the change history."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from oracle_standin import OracleStandin
from support.command import Job
from support.history import ran
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase


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
