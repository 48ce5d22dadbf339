"""Write docs/cli.md from the commands' own help: python docs/make_cli.py"""

from pathlib import Path

import click
from airesearch.cli import cli

PAGE = Path(__file__).parent / "cli.md"


def page() -> str:
    """The page as it should be."""
    parts = [
        "# The command line\n",
        "Made by `python docs/make_cli.py`.\n",
        _help(cli, "airesearch"),
    ]
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        parts.append(_help(command, f"airesearch {name}"))
    return "\n".join(parts)


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, max_content_width=80, terminal_width=80)
    return f"## {name}\n\n```\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
