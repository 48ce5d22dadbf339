"""An open lab for commands that only read: its tree, and what its task makes of a node."""

from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import click

from ...agents.setup.task_file import read_task
from ...agents.trials.gates import still_holds
from ...agents.trunk.tree import load_tree
from ...gitlab.errors import AiresearchError, RecordError
from ...gitlab.lab.lab import Lab, open_lab
from ...gitlab.record.facts import Interval, Noise
from ...gitlab.record.records import Promote, parse
from ...gitlab.tree.search_tree import Node, SearchTree
from ...policies.promotion.noise import estimate, noise_floor, own_noise
from ...policies.promotion.ruling import standard_of
from ...policies.search.distance import distances
from ...policies.task.task import Task
from ..say import warn
from . import rows


class LabView:
    """The lab `folder` lies in. Raises AiresearchError where there is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lab: Lab = open_lab(folder)
        self.tree: SearchTree = load_tree(self.lab)
        self.task: Task = read_task(self.lab, self.lab.tree_of(self.tree.rules), checked=False)
        self.tree.holds = lambda node: still_holds(self.task, node)
        self._tasks: dict[str, Task | None] = {self.tree.base: self.task}
        self._bases: dict[int, str] = {}
        click.get_current_context().call_on_close(lambda: warn(self.lab.notices.take()))

    @property
    def metric(self) -> str:
        """The name of the objective's metric."""
        return self.task.objective.metric

    @cached_property
    def noise(self) -> Noise | None:
        """How far apart trials of one candidate lie; None where single trials are trusted."""
        if standard_of(self.task).is_single:
            return None
        return noise_floor(self.tree, self.metric)

    @property
    def interval(self) -> Interval | None:
        """What the incumbent's metric is known to, with 95 % confidence; None without noise."""
        if self.tree.incumbent is None:
            return None
        node, noise = self.tree.incumbent, self.noise
        if self.task.is_split:
            noise = own_noise(node.trials, self.metric, noise)
        known = estimate(node.estimating, self.metric, noise)
        return None if known is None else known.interval

    def account(self, node: Node) -> dict[str, Any]:
        """The node as stable JSON, with its outcome and by how much it missed what was asked."""
        task = self._task_at(self._base_of(node)) if node.trials else None
        missed = [] if task is None else distances(task, node.trials[-1], node.judged)
        outcome = {"outcome": node.outcome, "distance": [asdict(miss) for miss in missed]}
        return {**rows.facts(node), **outcome}

    def winner_before(self, root: Node) -> Node | None:
        """The node that a baseline's commit of people stood on; None where nothing had won."""
        return None if root.parents or root.id == 0 else self.last_winner_below(root.onto)

    def last_winner_below(self, base: str) -> Node | None:
        """The node that trunk was last promoted to below one of its commits; None where none."""
        for commit in islice(self.lab.first_parents(base), 1, None):
            with suppress(RecordError):  # a person's, whatever it claims
                record = parse(commit.raw_message.decode("utf-8", "surrogateescape"))
                if isinstance(record, Promote):
                    return self.tree.nodes.get(record.node)
        return None

    def way_to(self, node: int) -> list[Node]:
        """The path from the campaign's first baseline to a node, over every base in between."""
        path = list(self.tree.lineage(node))
        while (before := self.winner_before(path[0])) is not None and before.id < path[0].id:
            path = [*self.tree.lineage(before.id), *path]
        return path

    def _base_of(self, node: Node) -> str:
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

    def _task_at(self, base: str) -> Task | None:
        """The task in force at a base, None where it cannot be read."""
        if base not in self._tasks:
            try:
                self._tasks[base] = read_task(self.lab, self.lab.tree_of(base), checked=False)
            except AiresearchError:
                self._tasks[base] = None
        return self._tasks[base]
