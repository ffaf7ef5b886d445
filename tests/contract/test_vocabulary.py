"""One word for a thing: the words that docs/glossary.md replaced are used nowhere else."""

import re
from pathlib import Path

import pytest

from support.project import PROJECT

REPLACED = re.compile(
    r"\b(receipts?|recipes?|meddled|vanished|proven|proofs?"
    r"|ETL_RUN_BY|ETL_RETRY_SECONDS|started_by|batche?s?_copied|source_data)\b"
    r"|periods_(requested|vanished|meddled)|proof_(passed|failed)",
    re.IGNORECASE,
)
MAY_NAME_THEM = {"CHANGELOG.md", "docs/glossary.md", "tests/contract/test_vocabulary.py"}
FILES = [
    file
    for folder in (
        "job",
        "dag",
        "docker",
        "helm",
        "docs",
        "tests",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    )
    for file in sorted({PROJECT / folder, *(PROJECT / folder).rglob("*")})
    if file.suffix in {".md", ".py", ".sql", ".yaml", ".tpl", ".txt", ".json", ".svg", ".c"}
    and "node_modules" not in file.parts
]


def test_there_is_something_to_read() -> None:
    assert len(FILES) > 200


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_no_replaced_word(file: Path) -> None:
    if str(file.relative_to(PROJECT)) not in MAY_NAME_THEM:
        assert not REPLACED.search(file.read_text())
