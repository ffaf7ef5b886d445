"""The project's documents as text."""

import json
import re

from support.project import PROJECT

DOCS = PROJECT / "docs"
README = (PROJECT / "README.md").read_text()
AIRFLOW_GUIDE = (DOCS / "airflow.md").read_text()
AIRFLOW_EXAMPLES: list[str] = re.findall(r"```python\n(.*?)```", AIRFLOW_GUIDE, re.DOTALL)
REPORT_SCHEMA = json.loads((DOCS / "report.schema.json").read_text())


def readme_table(heading: str) -> dict[str, list[str]]:
    """The README's table under this heading: first cell to the others."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {first.strip("` "): others for first, *others in rows[2:]}


def airflow_example(word: str) -> str:
    """The only example of the guide to Airflow that has this word."""
    [found] = [each for each in AIRFLOW_EXAMPLES if word in each]
    return found
