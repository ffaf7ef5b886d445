"""The blocks of docs/changes.md, for the tests that run them."""

from support.documents import DOCS
from support.tables_guide import Block, blocks

GUIDE = (DOCS / "changes.md").read_text()

ORACLE, TARGET, OWNER = "In Oracle", "In PostgreSQL, by somebody", "In PostgreSQL, by its owner"


def section(heading: str) -> list[Block]:
    """The blocks below a heading, with those of its subsections."""
    below = GUIDE.split(f"\n## {heading}\n")[1]
    return blocks(below.split("\n## ")[0])


def edits() -> dict[int, Block]:
    """What happened before each run of the example, by the run's number."""
    found = [block for block in section("Five questions in SQL") if "before run" in block.place]
    return {int(block.place.rpartition(" ")[2]): block for block in found}


def questions() -> dict[str, tuple[str, list[list[str]]]]:
    """The query of each question, and its answer."""
    parts = GUIDE.split("\n## Five questions in SQL\n")[1].split("\n## ")[0].split("\n### ")[1:]
    answered = {}
    for part in parts:
        query, answer, *_ = blocks(part)
        answered[part.partition("\n")[0]] = query.text.strip().removesuffix(";"), answer.rows
    return answered


def commands() -> dict[str, str]:
    """What each command shown prints."""
    shown = [block.text for block in section("On the command line")]
    return {text.partition("\n")[0].removeprefix("$ "): text.partition("\n")[2] for text in shown}


AS_OF = questions()["What did the table look like after an earlier run?"][0]


def as_of(run: int, *, target: str = "mb.sales_target", columns: str | None = None) -> str:
    """The document's query for the table as it was after a run; of another table, too."""
    query = AS_OF.replace("2 BETWEEN", f"{run} BETWEEN").replace("THEN 2", f"THEN {run}")
    query = query.replace("mb.sales_target", target)
    own = "id, product_id, target_month, target_year, target_amount"
    return query.replace(own, columns or own).removesuffix("\n ORDER BY 1")
