"""The README names every command with its options."""

import click

from etl_sales_target.cli import cli
from support.documents import README


def test_every_command_is_in_the_readme() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command
        assert f"| `{name}" in README
        for option in command.params:
            if isinstance(option, click.Option) and option.name != "help":
                assert option.opts[0] in README, (name, option.opts)
