"""The README names every setting, its default, and every command with its options."""

import os
from typing import Any

import click

from etl_sales_target.cli import cli
from etl_sales_target.config.settings import Settings
from support.documents import README, readme_table

# What the table says of a default in words, and what the words mean.
IN_WORDS: dict[str, tuple[str, Any]] = {
    "ETL_TRIGGERED_BY": ("the host's name", os.uname().nodename),
    "ETL_TABLES_FILE": ("none", None),
    "ETL_PUSHGATEWAY_URL": ("none: no push", None),
    "ETL_PUSHGATEWAY_USER": ("none", None),
    "ETL_PUSHGATEWAY_CA_FILE": ("the system's", None),
    "ETL_KUBERNETES_NAMESPACE": ("none", None),
    "ETL_LOG_FORMAT": ("`text` on a terminal, else `json`", None),
}


def test_every_setting_is_in_the_table() -> None:
    documented = {name for name in readme_table("Settings") if name.startswith("ETL_")}

    assert documented == {f"ETL_{name.upper()}" for name in Settings.__dataclass_fields__}


def test_the_defaults_are_those_of_the_code() -> None:
    settings = Settings.read()

    for variable, (default, _meaning) in readme_table("Settings").items():
        if not variable.startswith("ETL_"):
            assert default == "required"
            continue
        value = getattr(settings, variable.removeprefix("ETL_").lower())
        if variable in IN_WORDS:
            assert (default, value) == IN_WORDS[variable]
        else:
            assert default.strip("`").upper() == str(value).upper(), variable


def test_every_command_is_in_the_readme() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command
        assert f"| `{name}" in README
        for option in command.params:
            if isinstance(option, click.Option) and option.name != "help":
                assert option.opts[0] in README, (name, option.opts)
