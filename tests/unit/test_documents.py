"""What the documents say of exit codes and events is what the code does."""

import re
import signal
from pathlib import Path

from etl_sales_target.core import errors
from etl_sales_target.core.guards import GuardError
from etl_sales_target.core.reconciliation import ReconciliationError

PROJECT = Path(__file__).parents[2]
JOB = PROJECT / "job" / "etl_sales_target"


def kinds_of_errors() -> list[type[errors.JobError]]:
    kinds = [errors.JobError, GuardError, ReconciliationError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    return kinds


def test_the_runbook_has_every_exit_code_and_reason():
    text = (PROJECT / "docs" / "runbook.md").read_text()
    table = text.split("## Exit codes")[1].split("## Alerts")[0]
    rows = re.findall(r"^\| (\d+) \| (?:`(\w+)`)? ?\|", table, re.MULTILINE)

    with_reason = {(int(code), reason) for code, reason in rows if reason}
    assert with_reason == {(kind.exit_code, kind.reason.value) for kind in kinds_of_errors()}
    killed = {128 + signal.SIGKILL, 128 + signal.SIGSEGV}
    assert {int(code) for code, reason in rows if not reason} == {0, 2} | killed


def test_the_runbooks_links_lead_somewhere():
    text = (PROJECT / "docs" / "runbook.md").read_text()
    headings = {
        heading.lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
    for file in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (PROJECT / "docs" / file).exists(), file


def test_the_log_table_has_every_event():
    code = "".join(file.read_text() for file in JOB.rglob("*.py"))
    logged = set(re.findall(r"log\.(?:debug|info|warning|error)\(\s*\"(\w+)\"", code))
    logged |= set(re.findall(r"self\._log\(\"(\w+)\"\)", code))
    text = (PROJECT / "docs" / "logs.md").read_text()
    documented = {
        event
        for line in text.splitlines()
        if line.startswith("| `")
        for event in re.findall(r"`(\w+)`", line.split("|")[1])
    }

    assert documented == logged
