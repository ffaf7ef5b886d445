"""What comes after the commit has an end, whatever the servers do, and changes no exit code."""

import time

import pytest

from support.changed import IMPATIENT_WITH_LINEAGE, LINEAGE_SECONDS
from support.command import Job
from support.faults.holding_server import holding_server
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

# The run itself, on a busy machine.
RUN_SECONDS = 8


@pytest.mark.parametrize("drips", [False, True])
def test_a_pushgateway_that_never_ends_its_answer(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, *, drips: bool
) -> None:
    with holding_server(drips=drips) as server:
        start = time.monotonic()
        result = job("run", ETL_PUSHGATEWAY_URL=server.url, ETL_PUSHGATEWAY_TIMEOUT_SECONDS="2")
        seconds = time.monotonic() - start

    assert result.exit_code == 0, result.stderr
    assert seconds < RUN_SECONDS + 2
    assert "ETL_PUSHGATEWAY_TIMEOUT_SECONDS" in result.event("metrics_push_failed")["error"]
    assert target.rows() == small_source.rows()


def test_check_of_a_pushgateway_that_never_ends_its_answer(
    job: Job, small_source: SourceDatabase
) -> None:
    with holding_server(drips=True) as server:
        start = time.monotonic()
        result = job("check", ETL_PUSHGATEWAY_URL=server.url, ETL_PUSHGATEWAY_TIMEOUT_SECONDS="2")
        seconds = time.monotonic() - start

    assert result.exit_code == 75, result.stdout + result.stderr
    assert seconds < RUN_SECONDS + 2


@pytest.mark.parametrize("drips", [False, True])
def test_a_lineage_server_that_never_ends_its_answer(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, *, drips: bool
) -> None:
    with holding_server(drips=drips) as server:
        start = time.monotonic()
        result = job.through(*IMPATIENT_WITH_LINEAGE)("run", OPENLINEAGE_URL=server.url)
        seconds = time.monotonic() - start

    assert result.exit_code == 0, result.stderr
    assert seconds < RUN_SECONDS + 2 * LINEAGE_SECONDS
    failed = [event for event in result.events if event["event"] == "lineage_failed"]
    assert len(failed) == 2
    # Of one that is silent the transport's own timeout says so, as soon.
    said = f"no answer within {LINEAGE_SECONDS} s"
    assert not drips or all(said in event["error"] for event in failed)
    assert target.rows() == small_source.rows()


HIDDEN = "hidden-pw"
UNUSABLE = [
    "http://push..gateway:9091",
    f"http://{'a' * 64}:9091",
    f"http://{'.'.join(['a' * 60] * 5)}:9091",
    "http://pushgateway:9091/\u00e9",
    "http://push gateway:9091",
    "http://pushgateway:9091/a b",
    "http://pushgateway:9091?x=1",
    "http://pushgateway:99999",
    f"http://user:{HIDDEN}@pushgateway:9091",
    f"http://user:{HIDDEN}@[pushgateway",
    f"user:{HIDDEN}@pushgateway",
    f"http://user:{HIDDEN}/@pushgateway:9091",
]


@pytest.mark.parametrize("name", ["ETL_PUSHGATEWAY_URL", "OPENLINEAGE_URL"])
def test_a_url_that_cannot_be_used_is_refused_before_the_run(
    job: Job, small_source: SourceDatabase, target: TargetDatabase, name: str
) -> None:
    for url in UNUSABLE:
        result = job("run", ETL_LOG_LEVEL="DEBUG", **{name: url})

        assert result.exit_code == 78, (url, result.stderr)
        assert name in result.event("run_failed")["error"]
        assert "target_connected" not in result.stderr
        assert HIDDEN not in result.stdout + result.stderr
    assert not target.exists()


def test_a_host_outside_ascii_is_asked_for_by_its_idna_name(
    job: Job, small_source: SourceDatabase
) -> None:
    result = job(
        "run",
        ETL_PUSHGATEWAY_URL="http://p\u00fcsh.invalid:9091",
        OPENLINEAGE_URL="http://m\u0430rquez.invalid",
        ETL_PUSHGATEWAY_TIMEOUT_SECONDS="1",
    )

    assert result.exit_code == 0, result.stderr
    assert (
        "http://xn--psh-hoa.invalid:9091 cannot be" in result.event("metrics_push_failed")["error"]
    )
