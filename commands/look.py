"""The commands that only read a lab."""

from dataclasses import asdict
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import click

from ..agents.setup.task_file import glance_at_task
from ..gitlab.errors import AiresearchError
from ..gitlab.lab.lab import Lab, open_lab
from ..gitlab.record.facts import Noise
from ..gitlab.store.trees import Oid
from ..gitlab.tree.search_tree import Node, SearchTree, load_tree
from ..policies.budget import spent
from ..policies.promotion.decide import standard_of
from ..policies.promotion.noise import estimate, noise_floor
from ..policies.search.distance import distances
from ..policies.task.task import Task
from .say import as_json, lines, paint, print_json, print_rows, warn
from .views import rows, show, status, summary, tree

node_argument = click.argument("node", type=click.IntRange(min=0))


class View:
    """An open lab for commands that only read."""

    def __init__(self, folder: Path) -> None:
        self.lab: Lab = open_lab(folder)
        self.tree: SearchTree = load_tree(self.lab)
        self.task = glance_at_task(self.lab, self.lab.tree_of(self.tree.base))
        self.metric = self.task.objective.metric
        self._tasks: dict[Oid, Task | None] = {self.tree.base: self.task}
        self._bases: dict[int, Oid] = {}
        click.get_current_context().call_on_close(self.tree.nodes.save)

    @cached_property
    def noise(self) -> Noise | None:
        """How far apart trials of one candidate lie; None where single trials are trusted."""
        if standard_of(self.task).is_single:
            return None
        return noise_floor(self.tree, self.metric)

    @property
    def aim(self) -> summary.Aim:
        """What the best is best at."""
        return best_aim(self.task, self.tree, self.noise)

    def distance(self, node: Node) -> list[dict[str, Any]]:
        """By how much a node missed what its own task asked of it, as stable JSON."""
        task = self._task_at(self._base_of(node))
        if task is None or not node.trials:
            return []
        return [asdict(one) for one in distances(task, node.trials[-1], node.judged)]

    def _base_of(self, node: Node) -> Oid:
        """The commit of trunk that a node's lineage started from."""
        path: list[int] = []
        base = node.onto
        for ancestor in self.tree.ancestors(node):
            base = self._bases.get(ancestor.id, ancestor.onto)
            path.append(ancestor.id)
            if ancestor.id in self._bases:
                break
        self._bases.update(dict.fromkeys(path, base))
        return base

    def _task_at(self, base: Oid) -> Task | None:
        """The task in force at a base, None where it cannot be read."""
        if base not in self._tasks:
            try:
                self._tasks[base] = glance_at_task(self.lab, self.lab.tree_of(base))
            except AiresearchError:
                self._tasks[base] = None
        return self._tasks[base]


def best_aim(task: Task, tree: SearchTree, noise: Noise | None) -> summary.Aim:
    """What the best of a tree is best at, and how well it is known."""
    node, metric = tree.incumbent, task.objective.metric
    found = None if node is None else estimate(node.estimating, metric, noise)
    return summary.Aim(metric, task.objective.goal, None if found is None else found.interval)


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
    view = View(folder)
    used, budget = spent(view.tree), view.task.budget
    facts: dict[str, Any] = {
        "name": view.task.name,
        "trunk": view.lab.trunk,
        "objective": {"metric": view.metric, "goal": view.task.objective.goal},
        "nodes": summary.counts(view.tree),
        "best": None,
        "noise": None,
        "trials": {"spent": used.trials, "budget": budget.trials},
        "hours": {"spent": used.hours, "budget": budget.hours},
        "disk": status.disk(view.lab),
    }
    if view.tree.incumbent is not None:
        facts["best"] = summary.best_facts(view.tree, view.aim)
    if view.noise is not None and view.noise.freedom:
        facts["noise"] = {"sd": view.noise.sd, "replicates": view.noise.freedom}
    if as_json:
        print_json(facts)
    else:
        lines(status.lines(facts))


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
    view = View(folder)
    nodes = islice(view.tree.nodes.stream(newest_first=True), count)
    if as_json:
        print_rows(map(rows.facts, nodes))
        return
    click.echo(rows.HEADER)
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
    view = View(folder)
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
    view = View(folder)
    if as_json:
        print_json(show.show_facts(view.lab, view.tree, node, view.distance))
    else:
        lines(show.show(view.lab, view.tree, node))


@click.command("diff")
@click.argument("one", type=click.IntRange(min=0), metavar="A")
@click.argument("other", type=click.IntRange(min=0), metavar="B")
@as_json
@click.pass_obj
def diff_command(folder: Path, one: int, other: int, as_json: bool) -> None:
    """Show the patch from node A to node B, and both results.

    \b
    Examples:
      airesearch diff 0 12
      airesearch diff 0 12 --json
    """
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
    """Show the best node, and how to get its files with plain git.

    \b
    Examples:
      airesearch best
      airesearch best --json
    """
    view = View(folder)
    if as_json:
        print_json(summary.best_facts(view.tree, view.aim))
    else:
        lines(summary.best_lines(view.lab, view.tree, view.aim))


@click.command("lineage")
@node_argument
@as_json
@click.pass_obj
def lineage_command(folder: Path, node: int, as_json: bool) -> None:
    """Show the way from the baseline to NODE, and what it passed by.

    \b
    Examples:
      airesearch lineage 12
      airesearch lineage 12 --json
    """
    view = View(folder)
    path = view.tree.lineage(node)
    if as_json:
        print_rows(_generation(view, member) for member in path)
        return
    click.echo(rows.HEADER)
    for member in path:
        paint(member, rows.line(member, view.metric))
        lines(rows.beside(_siblings(view.tree, member)))


def _generation(view: View, node: Node) -> dict[str, Any]:
    """A node with its siblings and how they came out."""
    siblings = [rows.sibling(other, view.distance) for other in _siblings(view.tree, node)]
    return {**rows.account(node, view.distance), "siblings": siblings}


def _siblings(found: SearchTree, node: Node) -> list[Node]:
    parent = node.parents[0] if node.parents else None
    others = () if parent is None else found.children.get(parent, ())
    return [found.nodes[other] for other in others if other != node.id]
