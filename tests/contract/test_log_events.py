"""The table in docs/logs.md has every event that the job logs, and no other."""

import re

from support.documents import DOCS
from support.project import PROJECT

JOB = PROJECT / "job" / "etl_sales_target"


def test_the_log_table_has_every_event() -> None:
    code = "".join(file.read_text() for file in JOB.rglob("*.py"))
    logged = set(re.findall(r"log\.(?:debug|info|warning|error)\(\s*\"(\w+)\"", code))
    logged |= set(re.findall(r"\.log\(\"(\w+)\"\)", code))
    text = (DOCS / "logs.md").read_text()
    documented = {
        event
        for line in text.splitlines()
        if line.startswith("| `")
        for event in re.findall(r"`(\w+)`", line.split("|")[1])
    }

    assert documented == logged
