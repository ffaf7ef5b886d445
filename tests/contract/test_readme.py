"""The README names every setting, its default, and every command with its options."""

import click
import pytest

from etl_sales_target.cli import cli
from etl_sales_target.config.settings import Settings
from support.documents import README, readme_table


def test_every_setting_is_in_the_table() -> None:
    documented = {name for name in readme_table("Settings") if name.startswith("ETL_")}

    assert documented == {f"ETL_{name.upper()}" for name in Settings.__dataclass_fields__}


def test_the_defaults_are_those_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.read()

    for variable, (default, _meaning) in readme_table("Settings").items():
        value = getattr(settings, variable.removeprefix("ETL_").lower(), None)
        shown = default.strip("`")
        if value is not None and variable != "ETL_TRIGGERED_BY":
            assert str(value).upper() == shown.upper(), variable


def test_every_command_is_in_the_readme() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command
        assert f"| `{name}" in README
        for option in command.params:
            if isinstance(option, click.Option) and option.name != "help":
                assert option.opts[0] in README, (name, option.opts)
