"""The exit codes are a contract with Airflow and the shell; the docstring is its only text."""

import re

import pytest

from etl_sales_target.core import errors, guards
from etl_sales_target.core import reconciliation as proof
from etl_sales_target.core.errors import JobError

TREE = dict(re.findall(r"(\w+Error)\s+(\d+)", errors.__doc__))


@pytest.mark.parametrize(("name", "exit_code"), TREE.items())
def test_the_exit_code_is_the_one_that_the_tree_shows(name: str, exit_code: str):
    assert getattr(errors, name).exit_code == int(exit_code)


def test_the_tree_shows_every_error():
    assert TREE.keys() == {name for name in vars(errors) if name.endswith("Error")}


def test_the_exit_codes_of_the_product():
    assert {int(code) for code in TREE.values()} == {65, 69, 70, 75, 77, 78, 143}


@pytest.mark.parametrize("error", [guards.GuardError, proof.ReconciliationError])
def test_a_failed_guard_or_proof_exits_with_65(error: type[JobError]):
    assert error.exit_code == 65


def test_an_error_reads_as_what_happened_and_what_to_do():
    error = JobError("It broke.", code="ORA-00600", remedy="Mend it.", phase="copy")

    assert str(error) == "It broke. Mend it."
    assert str(JobError("It broke.")) == "It broke."
    assert (error.code, error.fields) == ("ORA-00600", {"phase": "copy"})
