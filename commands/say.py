"""What the commands share: their options, and how they print."""

import json
from collections.abc import Iterable
from textwrap import indent
from typing import Any

import click

from ..gitlab.tree.search_tree import Node

STYLES = {"keep": "green", "fail": "red"}
"""The colour of a node's line on a terminal, by its verdict."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print stable JSON.")


_LONGEST_ID = 100


class NodeNumber(click.ParamType):
    """A node by its number, or as git names its branch: `12`, `node/000012`, `origin/node/…`."""

    name = "node"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        number = str(value).rpartition("node/")[2]
        if not (number.isascii() and number.isdigit() and len(number) < _LONGEST_ID):
            self.fail(f"{value!r} is no node: give its number, as `airesearch log` shows it.")
        return int(number)


node_argument = click.argument("node", type=NodeNumber())


def print_json(value: Any) -> None:
    """Print `value` as indented JSON."""
    click.echo(json.dumps(value, indent=1))


def print_rows(rows: Iterable[Any]) -> None:
    """Print a list as `print_json` does, a row at a time: there may be many."""
    lead = "[\n"
    for row in rows:
        click.echo(lead + indent(json.dumps(row, indent=1), " "), nl=False)
        lead = ",\n"
    click.echo("[]" if lead == "[\n" else "\n]")


def print_lines(lines: Iterable[str]) -> None:
    """Print each line as it comes."""
    for line in lines:
        click.echo(line)


def paint(node: Node, text: str) -> None:
    """Print a node's line in the colour of its verdict."""
    click.secho(text, fg=STYLES.get(str(node.verdict)))


def warn(notices: Iterable[str]) -> None:
    """Print each sentence once, to stderr."""
    for notice in dict.fromkeys(notices):
        click.secho(notice, err=True, fg="yellow")
