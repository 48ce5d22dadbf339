"""A campaign: the lab with its task, team and runner as the trunk has them now."""

from collections.abc import Mapping
from random import Random

from ..gitlab.lab import Lab
from ..gitlab.tree import Node, SearchTree, load_tree
from ..gitlab.trees import Oid
from ..policies.guard import Policy
from ..policies.task import Task
from .preflight import ready_team
from .rules import read_task
from .runner import Runner
from .team import Agent


class Campaign:
    """Everything a step needs. `variables` is the user's environment."""

    task: Task
    protocol: Oid
    team: tuple[Agent, ...]
    runner: Runner

    def __init__(self, lab: Lab, variables: Mapping[str, str]) -> None:
        self.lab = lab
        self.variables = variables
        self.tree: SearchTree = load_tree(lab)
        self._adopt_rules()

    def refresh(self) -> None:
        """See what other workers did, and take the rules anew where a human changed the trunk."""
        base = self.tree.base
        self.tree = load_tree(self.lab, self.tree)
        if self.tree.base != base:
            self._adopt_rules()

    def _adopt_rules(self) -> None:
        lab, tree = self.lab, self.lab.tree_of(self.tree.base)
        self.task = read_task(lab, tree)
        self.team = ready_team(lab, tree, self.task, self.variables)
        self.protocol = self.lab.protocol(tree, self.task.protected_paths)
        reader = Policy("candidate", (), ())
        self.runner = Runner(self.lab, self.task, reader, self.variables)

    def agent_for(self, node: int) -> Agent:
        """The agents take turns by node."""
        return self.team[node % len(self.team)]

    def draws(self, node: int) -> Random:
        """The node's own random numbers: the same task always gives the same ones."""
        return Random(f"{self.protocol}/{node}")

    def seed(self, replicate: int) -> int:
        """The seed of every node's `replicate`-th trial, so that nodes compare pair by pair."""
        return Random(f"{self.protocol}/seed/{replicate}").getrandbits(31)

    def value(self, node: Node | None) -> float | None:
        """The objective's value of a node, None where it has none."""
        return None if node is None else node.value(self.task.objective.metric)
