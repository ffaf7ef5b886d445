"""What Oracle does in the middle of a run: errors, lost sessions, tables that change shape."""

import socket
import time
from typing import Any

import pytest

from support.faults.harness import ROWS, FaultHarness
from support.faults.suite import some

SLOW_SECONDS = 60

ON_ROWS: dict[str, Any] = {"after_rows": ROWS // 3}


@pytest.mark.parametrize(
    ("code", "fault"),
    some(
        3,
        [
            (1555, ON_ROWS),
            (1555, {"on": "ora_hash"}),
            (3113, {}),
            (28, ON_ROWS),
            (1013, ON_ROWS),
            (1466, ON_ROWS),
            (8103, ON_ROWS),
        ],
    ),
)
def test_an_error_in_mid_read_is_temporary(
    harness: FaultHarness, code: int, fault: dict[str, Any]
) -> None:
    harness.edit()
    case = harness.case()
    harness.standin.faults.ora_error(code, **fault)

    result = harness.run("run", "--full")

    case.ended(result, exit_codes={75}, reason="temporary", code=f"ORA-{code:05d}")


@pytest.mark.parametrize("reset", [False, True])
def test_the_server_process_dies(harness: FaultHarness, reset: bool) -> None:
    harness.edit()
    case = harness.case()
    harness.standin.faults.drop_connection(reset=reset, **ON_ROWS)

    result = harness.run("run", "--full")

    case.ended(result, exit_codes={75}, reason="temporary", code={"DPY-4011", "ORA-03113"})


def test_a_snapshot_too_old_is_tried_again_from_a_new_one(harness: FaultHarness) -> None:
    harness.edit()
    harness.standin.faults.ora_error(1555, **ON_ROWS)
    harness.edit()
    case = harness.case()

    result = harness.run("run", "--full", ETL_RETRY_BUDGET_SECONDS="30")

    assert case.ended(result, exit_codes={0})
    assert result.event("retry_scheduled")["code"] == "ORA-01555"


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [(12514, 75, "DPY-6001"), (12505, 75, "DPY-6003"), (12528, 75, "DPY-6000")],
)
def test_the_listener_refuses(harness: FaultHarness, code: int, exit_code: int, said: str) -> None:
    case = harness.case()
    harness.standin.faults.refuse_connections(code)

    result = harness.run("run")

    case.ended(result, exit_codes={exit_code}, reason="temporary", code={said, f"ORA-{code}"})


def test_there_is_no_listener(harness: FaultHarness) -> None:
    case = harness.case()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        login = harness.environ["AIRFLOW_CONN_ORACLE_CONN_ID"].rpartition("@")[0]

        result = harness.run("run", AIRFLOW_CONN_ORACLE_CONN_ID=f"{login}@127.0.0.1:{port}/EBS")

    case.ended(result, exit_codes={75}, reason="temporary", code={"DPY-6005", "ORA-12541"})


@pytest.mark.parametrize("code", [28000, 28001])
def test_an_account_that_is_locked_or_expired_is_tried_once(
    harness: FaultHarness, code: int
) -> None:
    case = harness.case()
    harness.standin.faults.refuse_logins(code)
    logins = harness.standin.login_attempts

    result = harness.run("run", ETL_RETRY_BUDGET_SECONDS="60")

    assert harness.standin.login_attempts - logins == 1
    case.ended(result, exit_codes={77}, reason="not_allowed", code=f"ORA-{code}")


@pytest.mark.parametrize(
    ("edit", "undo", "exit_code", "says"),
    [
        (
            "ALTER TABLE {table} RENAME TO elsewhere",
            "ALTER TABLE apps.elsewhere RENAME TO khs_customers_trx_targets",
            69, "ORA-00942",
        ),
        (
            "ALTER TABLE {table} RENAME COLUMN product_id TO product",
            "ALTER TABLE {table} RENAME COLUMN product TO product_id",
            69, "ORA-00904",
        ),
        (
            "ALTER TABLE {table} ALTER product_id TYPE text",
            "ALTER TABLE {table} ALTER product_id TYPE numeric USING product_id::numeric",
            65, "",
        ),
        ("ALTER TABLE {table} ADD note text", "ALTER TABLE {table} DROP note", 0, ""),
    ],
    ids=["renamed", "column dropped", "column retyped", "column added"],
)  # fmt: skip
def test_the_table_changes_between_check_and_read(
    harness: FaultHarness, edit: str, undo: str, exit_code: int, says: str
) -> None:
    harness.edit()
    case = harness.case()
    # The target's privileges are asked for after the source's columns, before its snapshot.
    changed = harness.postgres_proxy.at_text(
        b"has_table_privilege", lambda _link: harness.source.execute(edit)
    )

    result = harness.run("run")

    assert changed.is_set()
    harness.source.execute(undo)
    case.ended(result, exit_codes={exit_code}, says=says)


@pytest.mark.parametrize("asked", [None, b"has_table_privilege"], ids=["check", "read"])
def test_a_query_that_takes_too_long_is_cancelled(
    harness: FaultHarness, asked: bytes | None
) -> None:
    """PostgreSQL computes behind the stand-in, which hears the driver's break meanwhile."""
    harness.edit()
    case = harness.case()
    if asked is None:
        make_slow(harness)
    else:
        harness.postgres_proxy.at_text(asked, lambda _link: make_slow(harness))
    begin = time.monotonic()

    result = harness.run("run", ETL_CALL_TIMEOUT_SECONDS="1")

    assert time.monotonic() - begin < SLOW_SECONDS / 2
    harness.source.execute("DROP VIEW {table}")
    harness.source.execute("ALTER TABLE apps.elsewhere RENAME TO khs_customers_trx_targets")
    # A connection that had to be ended by force is DPY-4011.
    case.ended(result, exit_codes={75}, reason="temporary", code="DPY-4024")


def make_slow(harness: FaultHarness) -> None:
    """Each query of the source takes a minute from now on."""
    harness.source.execute("ALTER TABLE {table} RENAME TO elsewhere")
    harness.source.execute(
        "CREATE VIEW {table} AS"
        f" SELECT t.* FROM apps.elsewhere t, (SELECT pg_sleep({SLOW_SECONDS})) AS slow"
    )


@pytest.mark.parametrize("fault", [{}, {"on": "ora_hash"}], ids=["at the check", "at the read"])
def test_a_synonym_to_nowhere(harness: FaultHarness, fault: dict[str, Any]) -> None:
    case = harness.case()
    harness.standin.faults.ora_error(980, times=None, **fault)

    result = harness.run("run", ETL_RETRY_BUDGET_SECONDS="60")

    case.ended(result, exit_codes={69}, reason="not_found", code="ORA-00980")
