"""What the documents say of names, defaults and layouts is what the code says."""

import re
from pathlib import Path

import click
import pytest
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from etl_sales_target.cli import cli
from etl_sales_target.config.settings import Settings
from etl_sales_target.core import errors
from etl_sales_target.postgres import ledger

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def table(heading: str) -> dict[str, list[str]]:
    """The README's table under this heading: first cell to the others."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {first.strip("` "): others for first, *others in rows[2:]}


def test_every_setting_is_in_the_table():
    names = {name.upper() for name in Settings.__dataclass_fields__}

    assert {name.removeprefix("ETL_") for name in table("Settings") if name.startswith("ETL_")} == (
        names
    )


def test_the_defaults_are_those_of_the_code(monkeypatch: pytest.MonkeyPatch):
    settings = Settings.read()

    for variable, (default, _meaning) in table("Settings").items():
        value = getattr(settings, variable.removeprefix("ETL_").lower(), None)
        shown = default.strip("`")
        if value is not None and variable != "ETL_TRIGGERED_BY":
            assert str(value).upper() == shown.upper(), variable


def test_every_exit_code_is_in_the_table():
    def codes(kind: type[errors.JobError]) -> set[int]:
        return {kind.exit_code}.union(*map(codes, kind.__subclasses__()))

    assert {int(code) for code in table("Exit codes")} == codes(errors.JobError) | {0, 2}


def test_every_command_is_in_the_readme():
    for name, command in cli.commands.items():
        assert f"| `{name}" in README
        for option in command.params:
            if isinstance(option, click.Option) and option.name != "help":
                assert option.opts[0] in README, (name, option.opts)


@pytest.mark.parametrize("layout", ledger.describe("mb"), ids=str)
def test_the_ledgers_layout_is_the_documented_one(layout: Table):
    statement = str(CreateTable(layout).compile(dialect=postgresql.dialect()))

    assert _squeezed(statement) in _squeezed((ROOT / "docs/ledger.md").read_text())


@pytest.mark.parametrize(
    "document", [ROOT / "README.md", *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name
)
def test_every_link_leads_somewhere(document: Path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def _squeezed(text: str) -> str:
    return " ".join(text.replace("\t", " ").split()).replace(" ,", ",")
