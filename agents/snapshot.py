"""What a step goes by: the rules of one commit of the trunk, and the tree as last looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from ..gitlab.lab.lab import Lab
from ..gitlab.record.facts import Noise
from ..gitlab.store.trees import Oid
from ..gitlab.tree.lab_tree import LabTree
from ..gitlab.tree.search_tree import Node
from ..policies.access.guard import ProposerPolicy
from ..policies.promotion.decide import Standard, standard_of
from ..policies.promotion.noise import noise_floor
from ..policies.promotion.replication import seed_of
from ..policies.task.task import Task
from .executors.base import Executor
from .proposers.registry import Agent


@dataclass(frozen=True)
class Snapshot:
    """Task, team, policies and protocol never change in it: they are of the commit `tree.base`."""

    lab: Lab
    tree: LabTree
    task: Task
    team: tuple[Agent, ...]
    permits: Mapping[str, ProposerPolicy]
    """What each agent of the team may do, by its name."""
    protocol: Oid
    """The tree of the protected paths."""
    executor: Executor
    variables: Mapping[str, str]
    """The user's environment."""

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

    def notice(self, sentence: str) -> None:
        """Something the user should know when the command ends."""
        self.lab.notices.add(sentence)
