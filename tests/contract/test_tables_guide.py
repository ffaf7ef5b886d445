"""The page about table definitions says what the job and the schema do."""

import json
import re

import pytest

from etl_sales_target.config import tables_file
from etl_sales_target.config.settings import Settings
from etl_sales_target.core.columns import ColumnType, Kind
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.core.names import LEDGER_TABLES, column_name_fault
from support.documents import DOCS
from support.tables_guide import GUIDE, Block, blocks, examples, section

SCHEMA = json.loads(tables_file.SCHEMA.read_text())
DEFINITIONS = [block for block in blocks(GUIDE) if block.language == "yaml"]


@pytest.mark.parametrize("block", DEFINITIONS)
def test_every_definition_is_understood(block: Block) -> None:
    assert tables_file.definitions(block.text, file="docs/tables.md")


def test_the_first_example_is_the_built_in_definition() -> None:
    [block] = [block for block in examples()["The sales target"] if block.language == "yaml"]

    assert tables_file.definitions(block.text, file="") == [Settings.read().definition]


def test_every_key_is_explained() -> None:
    explained = re.findall(r"^\| `(\w+)`", section("Keys"), re.MULTILINE)

    assert explained == list(SCHEMA["definitions"]["table"]["properties"])


def test_the_types_are_those_of_the_job() -> None:
    rows = re.findall(r"^\| `(\w+).*? \| `(.*?)` \|", section("Column types"), re.MULTILINE)
    kinds = {"NUMBER": Kind.NUMBER, "VARCHAR2": Kind.TEXT, "DATE": Kind.DATETIME}

    assert [name for name, _ in rows] == [*kinds, "TIMESTAMP"]
    for name, target in rows[:3]:
        assert ColumnType(kinds[name], name).target == target
    assert ColumnType(Kind.DATETIME, "TIMESTAMP(6)", 6).target == rows[3][1].replace("(p)", "(6)")


def test_the_message_is_what_the_job_says() -> None:
    [shown] = [block for block in blocks(section("What is refused")) if block.language == "text"]
    text = "tables:\n  - source: APPS.ORDERS\n    target: mb.orders\n    colums: [id]\n"
    with pytest.raises(ConfigurationError) as e:
        tables_file.definitions(text, file="/etc/tables.yaml")

    assert str(e.value) == shown.text.strip()


def test_the_names_that_are_refused() -> None:
    refused = section("What is refused")
    [system_columns] = re.findall(r"of a system column of PostgreSQL: (.*?) \|", refused)

    for name in LEDGER_TABLES:
        assert f"`{name}`" in refused
    for name in re.findall(r"`(\w+)`", system_columns):
        assert "PostgreSQL itself" in (column_name_fault(name) or "")


def test_the_readme_leads_here() -> None:
    assert "(tables.md)" in (DOCS / "configuration.md").read_text()
