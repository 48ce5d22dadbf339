"""A campaign: the lab with its task, team and runner as the trunk has them now."""

from collections.abc import Mapping
from math import isqrt
from random import Random

from ..gitlab.errors import AiresearchError
from ..gitlab.lab.checkout import is_changed
from ..gitlab.lab.lab import Lab
from ..gitlab.record.facts import Noise
from ..gitlab.store.refs import node_branch, pack_refs
from ..gitlab.store.trees import Oid
from ..gitlab.tree.search_tree import LabTree, Node, load_tree
from ..policies.access.guard import Policy, ProposerPolicy
from ..policies.promotion.decide import Standard, standard_of
from ..policies.promotion.noise import noise_floor
from ..policies.task.task import FILE, Task
from .executors.local.process import sweep
from .executors.trial_semaphore import Turnstile
from .proposers.registry import Agent
from .proposers.replies import tidy
from .setup.preflight import ready_team
from .setup.task_file import read_task
from .setup.team_policies import read_permits
from .trials.runner import Runner

_LOOSE = 100
"""So many new node branches at least are packed by git at once.

Each loose one is looked at in every step, and after each packing all packed ones are read anew: in
a lab of N nodes both cost the same at about the root of N/2.
"""


class Campaign:
    """Everything a step needs. `variables` is the user's environment."""

    task: Task
    protocol: Oid
    team: tuple[Agent, ...]
    permits: Mapping[str, ProposerPolicy]
    runner: Runner

    def __init__(self, lab: Lab, variables: Mapping[str, str]) -> None:
        self.lab = lab
        sweep(lab.home / "trials")
        lab.fetch()
        lab.catch_up()
        self.variables = variables
        self.turnstile: Turnstile | None = None
        """What trials go through where several workers of one command share it."""
        self.tree: LabTree = load_tree(lab)
        self._loose_refs = 0
        self._require_whole()
        self._adopt_rules()
        tidy(lab.home, self.tree.nodes)
        if is_changed(lab.repo, FILE):
            self.notice(f"{FILE} has changes that do not count until they are committed")

    def refresh(self) -> None:
        """See what other workers did, and take the rules anew where a human changed the trunk."""
        base = self.tree.base
        self.lab.fetch()
        self.tree.refresh()
        many = max(_LOOSE, isqrt(self.tree.next_id // 2))
        if self.tree.loose_refs > self._loose_refs + many:
            pack_refs(self.lab.repo)
            self.tree.refresh()
            self._loose_refs = self.tree.loose_refs
        self._require_whole()
        if self.tree.base != base:
            self._adopt_rules()

    def _require_whole(self) -> None:
        """Without every promoted node, what is best and what is free could only be guessed."""
        for node, tip in self.tree.absent.items():
            remote = next(filter(None, self.lab.repo.remotes.names()), None)
            raise AiresearchError(
                f"the branch of node {node} is not here, and trunk was promoted to it",
                f"fetch all: git fetch {remote} '+refs/heads/*:refs/remotes/{remote}/*'"
                if remote
                else f"bring it back: git branch {node_branch(node)} {tip}",
            )

    def _adopt_rules(self) -> None:
        lab, tree = self.lab, self.lab.tree_of(self.tree.base)
        self.task = read_task(lab, tree)
        self.team = ready_team(lab, tree, self.task, self.variables)
        self.permits = read_permits(lab, tree, self.task)
        self.protocol = self.lab.protocol(tree, self.task.protected_paths)
        reader = Policy("candidate")
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

    @property
    def standard(self) -> Standard:
        """What a promotion is held to."""
        return standard_of(self.task)

    @property
    def noise(self) -> Noise:
        """How far apart trials of one candidate lie, from all that were replicated."""
        return noise_floor(self.tree, self.task.objective.metric)

    def know(self, node: Node) -> None:
        """Take a node as it is now, without reading the refs again."""
        self.tree.put(node)

    def notice(self, sentence: str) -> None:
        """Something the user should know when the command ends."""
        self.lab.notices.append(sentence)
