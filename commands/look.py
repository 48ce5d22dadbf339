"""The commands that only read a lab."""

from itertools import islice
from pathlib import Path

import click

from ..gitlab.store.refs import replaced
from .say import (
    NodeNumber,
    as_json,
    echo,
    node_argument,
    paint,
    print_json,
    print_lines,
    print_rows,
    warn,
)
from .views import lineage, rows, show, status, summary, tree
from .views.lab_view import LabView


@click.command("status")
@as_json
@click.pass_obj
def status_command(folder: Path, as_json: bool) -> None:
    """Show the lab at a glance: task, nodes, the best, what is spent.

    \b
    Examples:
      airesearch status
      airesearch status --json
    """
    view = LabView(folder)
    view.lab.notices.add(replaced(view.lab.repo))
    facts = status.facts(view)
    if as_json:
        print_json(facts)
    else:
        print_lines(status.lines(facts))


@click.command("log")
@click.option("-n", "count", type=click.IntRange(min=1), help="Only the newest so many.")
@as_json
@click.pass_obj
def log_command(folder: Path, count: int | None, as_json: bool) -> None:
    """List the nodes, newest first, with outcome and reason.

    \b
    Examples:
      airesearch log
      airesearch log -n 10
      airesearch log --json
    """
    view = LabView(folder)
    nodes = islice(view.tree.nodes.stream(newest_first=True), count)
    if as_json:
        print_rows(map(rows.facts, nodes))
        return
    echo(rows.HEADER)
    for node in nodes:
        paint(node, rows.line(node, view.metric))
    warn(f"node {node} cannot be read: {why}" for node, why in view.tree.broken.items())


@click.command("tree")
@as_json
@click.pass_obj
def tree_command(folder: Path, as_json: bool) -> None:
    """Draw the search tree.

    \b
    Examples:
      airesearch tree
      airesearch tree --json
    """
    view = LabView(folder)
    if as_json:
        print_rows(map(rows.facts, view.tree.nodes.stream()))
        return
    for node, text in tree.draw(view.tree, view.metric):
        paint(node, text)


@click.command("show")
@node_argument
@as_json
@click.pass_obj
def show_command(folder: Path, node: int, as_json: bool) -> None:
    """Show one node: what was tried, how it went, change and log.

    \b
    Examples:
      airesearch show 12
      airesearch show 12 --json
    """
    view = LabView(folder)
    if as_json:
        print_json(show.facts(view, node))
    else:
        print_lines(show.lines(view, node))


@click.command("diff")
@click.argument("first", type=NodeNumber(), metavar="A")
@click.argument("second", type=NodeNumber(), metavar="B")
@as_json
@click.pass_obj
def diff_command(folder: Path, first: int, second: int, as_json: bool) -> None:
    """Show the patch from node A to node B, and both results.

    \b
    Examples:
      airesearch diff 0 12
      airesearch diff 0 12 --json
    """
    view = LabView(folder)
    pair = (view.tree.get(first), view.tree.get(second))
    patch = show.patch(view, *pair)
    if as_json:
        print_json({"a": rows.facts(pair[0]), "b": rows.facts(pair[1]), "patch": patch})
        return
    echo(rows.HEADER)
    for node in pair:
        paint(node, rows.line(node, view.metric))
    echo(f"\n{patch}", nl=False)


@click.command("best")
@as_json
@click.pass_obj
def best_command(folder: Path, as_json: bool) -> None:
    """Show the best node, and how to get its files with plain git.

    \b
    Examples:
      airesearch best
      airesearch best --json
    """
    view = LabView(folder)
    if as_json:
        print_json(summary.best_facts(view))
    else:
        print_lines(summary.best_lines(view))


@click.command("lineage")
@node_argument
@as_json
@click.pass_obj
def lineage_command(folder: Path, node: int, as_json: bool) -> None:
    """Show the way from the first baseline to NODE, and what it passed by.

    \b
    Examples:
      airesearch lineage 12
      airesearch lineage 12 --json
    """
    view = LabView(folder)
    path = view.way_to(node)
    if as_json:
        print_rows(lineage.facts(view, member) for member in path)
        return
    echo(rows.HEADER)
    for member in path:
        paint(member, rows.line(member, view.metric))
        print_lines(lineage.beside(view.tree, member))
