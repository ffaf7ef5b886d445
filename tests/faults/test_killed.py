"""Killed anywhere: at random moments, and just before, during and after the commit."""

import signal
import time
from collections.abc import Callable

import pytest

from support.faults.at_random import SIGNALS, kill_somewhere
from support.faults.harness import COMMIT, IMPATIENT, LOADS_COMMIT, FaultHarness
from support.faults.proxy import Hold, Link
from support.faults.suite import some

CASES = range(60)


@pytest.mark.parametrize("number", some(10, CASES))
def test_killed_at_a_random_moment(harness: FaultHarness, number: int) -> None:
    kill_somewhere(harness)


def test_a_commit_that_never_arrives(harness: FaultHarness) -> None:
    harness.edit()
    case = harness.case()
    harness.postgres_proxy.at_text(COMMIT, Link.drop, nth=LOADS_COMMIT)

    result = harness.run("run")

    assert not case.ended(result, exit_codes={75}, reason="temporary", says="could not commit")


@pytest.mark.parametrize("cut", some(2, [Link.drop, Link.freeze, Link.reset]))
def test_a_commit_whose_answer_is_lost(harness: FaultHarness, cut: Callable[[Link], None]) -> None:
    """The job asks the ledger what became of it."""
    harness.edit()
    case = harness.case()
    lost = harness.postgres_proxy.answer_of(COMMIT, cut, nth=LOADS_COMMIT)

    result = harness.run("run", **IMPATIENT)

    assert lost.is_set()
    assert case.ended(result, exit_codes={0})


def test_a_commit_whose_answer_is_lost_with_the_whole_network(harness: FaultHarness) -> None:
    """Nobody can be asked: the next run finds it done."""
    harness.edit()
    case = harness.case()

    def cut_off(link: Link) -> None:
        harness.postgres_proxy.refuse_new()
        link.drop()

    harness.postgres_proxy.answer_of(COMMIT, cut_off, nth=LOADS_COMMIT)

    result = harness.run("run")

    assert case.ended(result, exit_codes={75}, reason="temporary", unheard=True)


def test_a_commit_whose_answer_is_lost_is_not_loaded_again(harness: FaultHarness) -> None:
    """The next attempt of the same run finds the commit in the ledger."""
    harness.edit()
    case = harness.case()
    harness.postgres_proxy.answer_of(COMMIT, Link.drop, nth=LOADS_COMMIT)

    result = harness.run("run", ETL_RETRY_BUDGET_SECONDS="30")

    assert case.ended(result, exit_codes={0})
    assert result.event("commit_confirmed")
    assert result.event("run_finished")["rows_inserted"] > 0


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_killed_around_the_commit(
    harness: FaultHarness, number: signal.Signals, answered: bool
) -> None:
    """Before: the commit is held back until the signal is sent. After: its answer is."""
    harness.edit()
    case = harness.case()
    held = Hold()
    trap = harness.postgres_proxy.answer_of if answered else harness.postgres_proxy.at_text
    trap(COMMIT, held, nth=LOADS_COMMIT)
    process = harness.start("run")
    assert held.reached.wait(30)
    process.signal(number)
    time.sleep(0.1)
    held.go_on.set()
    result = process.wait()

    # SIGTERM and SIGINT wait for the commit; once it is done, they are too late.
    is_killed = number is signal.SIGKILL
    committed = case.ended(result, exit_codes={-number} if is_killed else {0})
    assert committed or is_killed


def test_a_stop_during_a_commit_that_fails_is_heard(harness: FaultHarness) -> None:
    harness.edit()
    case = harness.case()
    held = Hold(then=Link.drop)
    harness.postgres_proxy.at_text(COMMIT, held, nth=LOADS_COMMIT)
    process = harness.start("run", ETL_RETRY_BUDGET_SECONDS="60")
    assert held.reached.wait(30)
    process.signal(signal.SIGTERM)
    time.sleep(0.1)
    held.go_on.set()

    result = process.wait(20)

    assert not case.ended(result, exit_codes={143}, reason="stopped")


def test_a_stop_during_a_commit_whose_answer_is_lost_is_too_late(harness: FaultHarness) -> None:
    """The ledger says that it committed, and nothing that comes later says otherwise."""
    harness.edit()
    case = harness.case()
    held = Hold(then=Link.drop)
    harness.postgres_proxy.answer_of(COMMIT, held, nth=LOADS_COMMIT)
    process = harness.start("run", ETL_RETRY_BUDGET_SECONDS="60")
    assert held.reached.wait(30)
    process.signal(signal.SIGTERM)
    time.sleep(0.1)
    held.go_on.set()

    assert case.ended(process.wait(20), exit_codes={0})


def test_a_stop_inside_a_library_is_no_other_error(harness: FaultHarness) -> None:
    """The loaded periods are written by a COPY, whose end fails when it is broken off."""
    harness.edit()
    case = harness.case()
    writing = b"COPY mb.etl_sales_target_periods"
    frozen = harness.postgres_proxy.at_text(writing, Link.freeze)
    process = harness.start("run", "--full", ETL_RETRY_BUDGET_SECONDS="60")
    assert frozen.wait(30)
    assert "reconciliation_passed" in process.log()
    harness.postgres_proxy.refuse_new()

    process.signal(signal.SIGTERM)

    result = process.wait(20)
    assert not case.ended(result, exit_codes={143}, reason="stopped")


def test_a_stop_during_the_connecting_is_no_other_error(harness: FaultHarness) -> None:
    """SQLAlchemy rolls back what the stop broke off, and that fails."""
    case = harness.case()
    frozen = harness.postgres_proxy.at_text(b"pg_catalog.version()", Link.freeze)
    process = harness.start("run", "--full", ETL_RETRY_BUDGET_SECONDS="60")
    assert frozen.wait(30)

    process.signal(signal.SIGTERM)

    assert not case.ended(process.wait(20), exit_codes={143}, reason="stopped")


def test_a_stop_during_the_vacuum_does_not_undo_the_success(harness: FaultHarness) -> None:
    harness.edit_every_row()
    case = harness.case()
    held = Hold()
    harness.postgres_proxy.at_text(b"VACUUM", held)
    process = harness.start("run")
    assert held.reached.wait(30)
    process.signal(signal.SIGTERM)

    result = process.wait(5)
    held.go_on.set()

    assert case.ended(result, exit_codes={0})
    assert "nothing was committed" not in result.stderr
