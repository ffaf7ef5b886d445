"""The links in the documents lead somewhere."""

import re
from pathlib import Path

import pytest

from support.documents import DOCS
from support.project import PROJECT


@pytest.mark.parametrize(
    "document", [*PROJECT.glob("*.md"), *DOCS.rglob("*.md")], ids=lambda path: path.name
)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_the_runbooks_links_lead_somewhere() -> None:
    text = (DOCS / "runbook.md").read_text()
    headings = {
        heading.lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
    for file in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (DOCS / file).exists(), file
