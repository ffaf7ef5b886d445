"""The project's documents as text."""

import json

from support.project import PROJECT

DOCS = PROJECT / "docs"
README = (PROJECT / "README.md").read_text()
REPORT_SCHEMA = json.loads((DOCS / "report.schema.json").read_text())


def readme_table(heading: str) -> dict[str, list[str]]:
    """The README's table under this heading: first cell to the others."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {first.strip("` "): others for first, *others in rows[2:]}
