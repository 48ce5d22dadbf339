"""What a step goes by: the rules of one commit of the trunk, and the tree as last looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from ..gitlab.lab.lab import Lab
from ..gitlab.record.facts import Noise
from ..gitlab.store.trees import Oid
from ..gitlab.tree.lab_tree import LabTree
from ..gitlab.tree.search_tree import Node
from ..policies.access.guard import ProposerPolicy
from ..policies.promotion.noise import noise_floor
from ..policies.promotion.replication import seed_of
from ..policies.promotion.ruling import Standard, standard_of
from ..policies.task.task import Task
from .executors.base import Executor
from .proposers.registry import Agent
from .trunk.measured import Measured


@dataclass(frozen=True)
class Snapshot:
    """Task, team, policies and protocol never change in it, wherever `tree` stands by now."""

    lab: Lab
    tree: LabTree
    in_force: str
    """The commit of the trunk that task, team and policies are of."""
    task: Task
    team: tuple[Agent, ...]
    permits: Mapping[str, ProposerPolicy]
    """What each agent of the team may do, by its name."""
    measured: Measured
    protocol: Oid
    """The tree of what scores a candidate, and of the task: what results must share to compare."""
    executor: Executor
    variables: Mapping[str, str]
    """The user's environment."""
    passed_by: set[int] = field(default_factory=set)
    """Nodes of earlier bases that were promoted there, or cannot be carried over to this one."""

    @property
    def rules(self) -> str | None:
        """What a record names as the rules in force; None where those are always the base's."""
        return self.in_force if self.task.is_split else None

    def candidate(self, tree: Oid, rules: str | None) -> Oid:
        """What is measured of a tree that was made under `rules`."""
        return self.lab.edited(tree, self.measured.candidate(rules or self.measured.base))

    def carried(self, node: Node) -> Oid:
        """The files of a node, and what people changed since that is no part of its program."""
        tree = self.lab.tree_of(node.tip)
        before = node.rules or self.tree.base_of(node.id) or self.measured.base
        return self.lab.edited(tree, self.measured.carried(str(tree), before, self.in_force))

    def agent_for(self, node: int) -> Agent:
        """The agents take turns by node."""
        return self.team[node % len(self.team)]

    def draws(self, node: int) -> Random:
        """The node's own random numbers: the same task always gives the same ones."""
        return Random(f"{self.protocol}/{node}")

    def seed(self, replicate: int) -> int:
        """The seed of every node's `replicate`-th trial, so that nodes compare pair by pair."""
        return seed_of(str(self.protocol), replicate)

    def value(self, node: Node | None) -> float | None:
        """The objective's value of a node, None where it has none."""
        return None if node is None else node.value(self.task.objective.metric)

    @property
    def standard(self) -> Standard:
        """What a promotion is held to."""
        return standard_of(self.task)

    @property
    def noise(self) -> Noise:
        """How far apart trials of one candidate lie, from all that were replicated."""
        return noise_floor(self.tree, self.task.objective.metric)

    def task_under(self, rules: str | None) -> Task | None:
        """The task at the commit that a record names for its rules; None where it does not read."""
        return self.measured.task_at(rules or self.measured.base)

    def notice(self, sentence: str) -> None:
        """Something the user should know when the command ends."""
        self.lab.notices.add(sentence)
