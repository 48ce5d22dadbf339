"""The commands that only read a lab."""

from pathlib import Path
from typing import Any

import click

from ..agents.rules import glance_at_task
from ..gitlab.lab import Lab, open_lab
from ..gitlab.tree import Node, SearchTree, load_tree
from ..gitlab.views import rows, show, status, summary, tree
from ..policies.budget import spent
from .say import as_json, lines, paint, print_json, warn

node_argument = click.argument("node", type=click.IntRange(min=0))


class View:
    """An open lab for commands that only read."""

    def __init__(self, folder: Path) -> None:
        self.lab: Lab = open_lab(folder)
        self.tree: SearchTree = load_tree(self.lab)
        self.task = glance_at_task(self.lab, self.lab.tree_of(self.tree.base))
        self.metric = self.task.objective.metric


@click.command("status")
@as_json
@click.pass_obj
def status_command(folder: Path, as_json: bool) -> None:
    """Show the lab at a glance: task, nodes, the best, what is spent."""
    view = View(folder)
    used, budget = spent(view.tree), view.task.budget
    facts = {
        "name": view.task.name,
        "trunk": view.lab.trunk,
        "objective": {"metric": view.metric, "goal": view.task.objective.goal},
        "nodes": summary.counts(view.tree),
        "best": None,
        "trials": {"spent": used.trials, "budget": budget.trials},
        "hours": {"spent": used.hours, "budget": budget.hours},
    }
    if view.tree.incumbent is not None:
        facts["best"] = summary.best_facts(view.tree, view.metric, view.task.objective.goal)
    if as_json:
        print_json(facts)
    else:
        lines(status.lines(facts))


@click.command("log")
@click.option("-n", "count", type=click.IntRange(min=1), help="Only the newest so many.")
@as_json
@click.pass_obj
def log_command(folder: Path, count: int | None, as_json: bool) -> None:
    """List the nodes, newest first, with outcome and reason."""
    view = View(folder)
    nodes = list(view.tree.nodes.values())[::-1][:count]
    if as_json:
        print_json([rows.facts(node) for node in nodes])
        return
    click.echo(rows.HEADER)
    for node in nodes:
        paint(node, rows.line(node, view.metric))
    warn(f"node {node} cannot be read: {why}" for node, why in view.tree.broken.items())


@click.command("tree")
@as_json
@click.pass_obj
def tree_command(folder: Path, as_json: bool) -> None:
    """Draw the search tree."""
    view = View(folder)
    if as_json:
        print_json([rows.facts(node) for node in view.tree.nodes.values()])
        return
    for node, text in tree.draw(view.tree, view.metric):
        paint(node, text)


@click.command("show")
@node_argument
@as_json
@click.pass_obj
def show_command(folder: Path, node: int, as_json: bool) -> None:
    """Show one node: what was tried, how it went, its change, its log."""
    view = View(folder)
    if as_json:
        print_json(show.show_facts(view.lab, view.tree, node))
    else:
        lines(show.show(view.lab, view.tree, node))


@click.command("diff")
@click.argument("one", type=click.IntRange(min=0), metavar="A")
@click.argument("other", type=click.IntRange(min=0), metavar="B")
@as_json
@click.pass_obj
def diff_command(folder: Path, one: int, other: int, as_json: bool) -> None:
    """Show the patch from node A's candidate to node B's, and both results."""
    view = View(folder)
    pair = (view.tree.get(one), view.tree.get(other))
    patch = show.diff(view.lab, *pair)
    if as_json:
        print_json({"a": rows.facts(pair[0]), "b": rows.facts(pair[1]), "patch": patch})
        return
    click.echo(rows.HEADER)
    for node in pair:
        paint(node, rows.line(node, view.metric))
    click.echo(f"\n{patch}", nl=False)


@click.command("best")
@as_json
@click.pass_obj
def best_command(folder: Path, as_json: bool) -> None:
    """Show the best node, and how to get its files with plain git."""
    view = View(folder)
    if as_json:
        print_json(summary.best_facts(view.tree, view.metric, view.task.objective.goal))
    else:
        lines(summary.best_lines(view.lab, view.tree, view.metric))


@click.command("lineage")
@node_argument
@as_json
@click.pass_obj
def lineage_command(folder: Path, node: int, as_json: bool) -> None:
    """Show the path from the baseline to NODE, with what was tried beside it."""
    view = View(folder)
    path = view.tree.lineage(node)
    if as_json:
        print_json([_generation(view.tree, member) for member in path])
        return
    click.echo(rows.HEADER)
    for member in path:
        paint(member, rows.line(member, view.metric))
        beside = _generation(view.tree, member)["siblings"]
        if beside:
            click.echo(
                f"{'':>14} beside it: " + ", ".join(f"{s['node']} {s['outcome']}" for s in beside)
            )


def _generation(found: SearchTree, node: Node) -> dict[str, Any]:
    """A node with its siblings and how they came out."""
    parent = node.parents[0] if node.parents else None
    others = () if parent is None else found.children.get(parent, ())
    siblings = [rows.sibling(found.nodes[other]) for other in others if other != node.id]
    return {**rows.facts(node), "siblings": siblings}
