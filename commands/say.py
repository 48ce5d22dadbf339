"""What the commands share: their options, and how they print."""

import json
from collections.abc import Iterable
from textwrap import indent
from typing import Any

import click

from ..gitlab.record.unicode import escaped
from ..gitlab.tree.search_tree import Node

STYLES = {"keep": "green", "fail": "red"}
"""The colour of a node's line on a terminal, by its verdict."""

_LONGEST_ID = 100

as_json = click.option("--json", "as_json", is_flag=True, help="Print stable JSON.")


class NodeNumber(click.IntRange):
    """A node by its number, or as git names its branch: `12`, `node/000012`, `origin/node/…`."""

    name = "node"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        number = str(value).rpartition("node/")[2]
        if not (number.isascii() and number.isdigit() and len(number) < _LONGEST_ID):
            why = f"{value!r} is no node: give its number, as `airesearch log` shows it."
            self.fail(why, param, ctx)
        return int(number)


node_argument = click.argument("node", type=NodeNumber())


def echo(text: str = "", color: str | None = None, *, err: bool = False, nl: bool = True) -> None:
    """Print what anybody may have written: what a terminal would not show is shown escaped.

    In a pipe too, since a terminal may be at its end; JSON has every text whole.
    """
    shown = escaped(text)
    click.echo(click.style(shown, fg=color) if color else shown, err=err, nl=nl)


def print_json(value: Any, depth: int | None = 1) -> None:
    """Print `value` as indented JSON, or on one line without a depth."""
    click.echo(_json(value, depth))


def print_rows(rows: Iterable[Any]) -> None:
    """Print a list as `print_json` does, a row at a time: there may be many."""
    lead = "[\n"
    for row in rows:
        click.echo(lead + indent(_json(row, 1), " "), nl=False)
        lead = ",\n"
    click.echo("[]" if lead == "[\n" else "\n]")


def _json(value: Any, depth: int | None) -> str:
    return json.dumps(value, indent=depth).replace("\x7f", "\\u007f")


def print_lines(lines: Iterable[str]) -> None:
    """Print each line as it comes."""
    for line in lines:
        echo(line)


def paint(node: Node, text: str) -> None:
    """Print a node's line in the colour of its verdict."""
    echo(text, STYLES.get(str(node.verdict)))


def warn(notices: Iterable[str]) -> None:
    """Print each sentence once, to stderr."""
    for notice in dict.fromkeys(notices):
        echo(notice, "yellow", err=True)
