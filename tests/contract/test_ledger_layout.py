"""The ledger's tables are laid out as docs/ledger.md shows them."""

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from etl_sales_target.postgres import ledger_layout
from support.documents import DOCS


@pytest.mark.parametrize("layout", ledger_layout.describe("mb"), ids=str)
def test_the_ledgers_layout_is_the_documented_one(layout: Table) -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    statement = str(CreateTable(layout).compile(dialect=dialect))

    assert _squeezed(statement) in _squeezed((DOCS / "ledger.md").read_text())


def _squeezed(text: str) -> str:
    return " ".join(text.replace("\t", " ").split()).replace(" ,", ",")
