"""The blocks of docs/tables.md, for the tests that run them."""

import re
from dataclasses import dataclass

from support.documents import DOCS

GUIDE = (DOCS / "tables.md").read_text()

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block; of SQL, the comment on its first line says where it is run."""

    language: str
    text: str

    @property
    def place(self) -> str:
        return self.text.splitlines()[0].removeprefix("-- ")

    @property
    def statements(self) -> list[str]:
        return [part for part in self.text.partition("\n")[2].split(";\n") if part.strip()]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table as psql prints it, the names of the columns first."""
        lines = [line for line in self.text.splitlines() if "-+-" not in line]
        return [[cell.strip() for cell in line.split("|")] for line in lines]


def blocks(text: str) -> list[Block]:
    return [Block(language, content) for language, content in _BLOCK.findall(text)]


def examples() -> dict[str, list[Block]]:
    """The blocks of each example, by its heading."""
    sections = GUIDE.split("\n## Examples\n")[1].split("\n### ")[1:]
    return {section.partition("\n")[0]: blocks(section) for section in sections}


def section(heading: str) -> str:
    return GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
