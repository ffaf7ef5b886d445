"""The exit codes are a contract with the shell, Airflow and Kubernetes; every text has the same."""

import re
import signal

import pytest

from etl_sales_target.core import errors
from etl_sales_target.core.errors import JobError
from etl_sales_target.core.guards import GuardError
from etl_sales_target.core.reconciliation import ReconciliationError
from support.chart import needs_helm, render
from support.documents import DOCS, README, readme_table
from support.error_kinds import error_kinds, exit_codes

# As the module's docstring draws it.
TREE = dict(re.findall(r"(\w+Error)\s+(\d+)", errors.__doc__))


@pytest.mark.parametrize(("name", "exit_code"), TREE.items())
def test_the_exit_code_is_the_one_that_the_tree_shows(name: str, exit_code: str) -> None:
    assert getattr(errors, name).exit_code == int(exit_code)


def test_the_tree_shows_every_error() -> None:
    assert TREE.keys() == {
        kind.__name__ for kind in error_kinds() if kind.__module__ == errors.__name__
    }


def test_the_exit_codes_of_the_product() -> None:
    assert {int(code) for code in TREE.values()} == {65, 69, 70, 75, 77, 78, 143}


@pytest.mark.parametrize("error", [GuardError, ReconciliationError])
def test_a_failed_guard_or_reconciliation_exits_with_65(error: type[JobError]) -> None:
    assert error.exit_code == 65


def test_every_exit_code_is_in_the_readme() -> None:
    assert {int(code) for code in readme_table("Exit codes")} == exit_codes() | {0, 2}


def test_the_readme_calls_the_same_failures_permanent() -> None:
    codes = re.findall(r"^\| (\d+) \|.*\| no \|$", README, re.MULTILINE)
    assert {int(code) for code in codes} == permanent_exit_codes()


@needs_helm
def test_the_cronjob_tries_again_what_may_go_better() -> None:
    spec = render({"cronJob": {"enabled": True}}).one("CronJob")["spec"]["jobTemplate"]["spec"]
    [_, rule] = spec["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["containerName"] == "etl-sales-target"
    assert set(rule["onExitCodes"]["values"]) == permanent_exit_codes()


def test_the_runbook_has_every_exit_code_and_reason() -> None:
    text = (DOCS / "runbook.md").read_text()
    table = text.split("## Exit codes")[1].split("## Alerts")[0]
    rows = re.findall(r"^\| (\d+) \| (?:`(\w+)`)? ?\|", table, re.MULTILINE)

    with_reason = {(int(code), reason) for code, reason in rows if reason}
    assert with_reason == {(kind.exit_code, kind.reason.value) for kind in error_kinds()}
    killed = {128 + signal.SIGKILL, 128 + signal.SIGSEGV}
    assert {int(code) for code, reason in rows if not reason} == {0, 2} | killed


def permanent_exit_codes() -> set[int]:
    """2 is wrong usage, which no error class stands for."""
    worth_a_retry = {
        kind.exit_code for kind in (errors.JobError, errors.TemporaryError, errors.StoppedError)
    }
    return {2} | exit_codes() - worth_a_retry
