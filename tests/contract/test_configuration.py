"""What describes the settings is as `make configuration` writes it, and says all of them."""

import dataclasses
import re
from pathlib import Path

import pytest

from configuration import document
from configuration.__main__ import written
from etl_sales_target.config.description import Group, Unset
from etl_sales_target.config.kinds import FILE, Number, Text
from etl_sales_target.config.settings import LineageSettings, Settings, all_settings
from etl_sales_target.oracle import parameters as oracle_parameters
from etl_sales_target.postgres import parameters as postgres_parameters
from support.documents import DOCS
from support.project import PROJECT

WRITTEN = written(all_settings())
CONFIGURATION = (DOCS / "configuration.md").read_text()


@pytest.mark.parametrize("path", WRITTEN, ids=str)
def test_every_file_is_as_it_would_be_written(path: Path) -> None:
    assert (PROJECT / path).read_text() == WRITTEN[path], "run `make configuration`"


def test_a_new_setting_arrives_everywhere() -> None:
    like = all_settings()[-1]
    more = [
        like._replace(
            variable="ETL_SPEED", kind=Number("knots", 1, 30), default=7,
            chart_value="settings.ETL_SPEED", sentence="How fast.", is_secret=False,
        ),
        like._replace(
            variable="ETL_MAP", kind=FILE, default=Unset("no map"),
            chart_value="settings.ETL_MAP", sentence="Where.", is_secret=False,
        ),
        like._replace(
            variable="ETL_KEY", default=Unset("none"), chart_value="connections.key",
            kind=Text("text", str), sentence="The key.", is_secret=True,
        ),
    ]  # fmt: skip

    page, values, schema, secrets, readme = written([*all_settings(), *more]).values()

    assert "| `ETL_SPEED` | 1 to 30 knots | `7` | How fast. |\n" in page
    assert "| `ETL_KEY` | text, **secret** | none | The key. |\n" in page
    assert "| `ETL_KEY` | `connections.key` |\n" in page
    assert "  # -- How fast. Accepts 1 to 30 knots.\n  ETL_SPEED: 7\n" in values
    assert '  # -- Where. If empty: no map.\n  ETL_MAP: ""\n' in values
    assert '"minimum": 1,\n          "maximum": 30\n' in schema
    assert '"ETL_MAP": {\n          "type": "string",\n          "pattern": "^$|^/"' in schema
    assert "ETL_KEY: key\n" in secrets
    assert "| `settings.ETL_SPEED` | `7` | How fast. Accepts 1 to 30 knots. |\n" in readme


def test_a_file_without_its_section_is_refused() -> None:
    with pytest.raises(ValueError, match="settings: begin"):
        document.rendered(CONFIGURATION.replace("<!-- settings: begin", "<!-- "), all_settings())


def test_a_variable_is_named_after_its_field() -> None:
    for cls, prefix in ((Settings, "ETL_"), (LineageSettings, "OPENLINEAGE_")):
        for field in dataclasses.fields(cls):
            assert field.metadata["setting"].variable == f"{prefix}{field.name.upper()}"


def test_every_setting_is_described_once_in_its_group() -> None:
    sections = dict(re.findall(r"^### (.+)\n\n((?:\|.*\n)+)", CONFIGURATION, re.MULTILINE))
    for setting in all_settings():
        row = f"\n| `{setting.variable}` |"
        assert sections[setting.group.value].count(row) == 1
    assert {group.value for group in Group} <= sections.keys()


def test_every_extra_of_oracles_connection_is_described() -> None:
    section = CONFIGURATION.split("### Oracle's extras")[1].split("### ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    known = {
        key: oracle_parameters._EXPECTED[reader]
        for kind in (
            oracle_parameters._ORACLE_PLACE,
            oracle_parameters._ORACLE_DRIVER,
            oracle_parameters._ORACLE_LOGIN,
        )
        for key, reader in kind.items()
    }
    assert {key: value.removeprefix("a ") for key, value in known.items()} == rows


def test_every_extra_that_is_not_for_libpq_is_named() -> None:
    section = CONFIGURATION.split("### PostgreSQL's extras")[1]
    named = section.split("are ignored:")[1].split("A connection")[0]
    assert set(re.findall(r"`([^`]+)`", named)) == postgres_parameters._AIRFLOW_EXTRAS
