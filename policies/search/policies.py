"""What to expand next and how: pure functions of the tree and a seeded generator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from random import Random

from ...gitlab.record.facts import Goal, Operator, Status, Verdict
from ...gitlab.tree.search_tree import Node, SearchTree

_DEBUG_CHANCE = 0.3
_DEBUG_DEPTH = 3
_EXPLORE_CHANCE = 0.2
_EXPLORE_AMONG = 5
_CODE_FAILED = (Status.INVALID, Status.CRASH, Status.TIMEOUT, Status.MEMORY, Status.OUTPUT)


@dataclass(frozen=True)
class Expansion:
    """The nodes to make a new one from, and how."""

    parents: tuple[Node, ...]
    operator: Operator


@dataclass(frozen=True)
class Aim:
    """What the search is for, and whether the agent at hand can repair a failed node."""

    metric: str
    goal: Goal
    repairs: bool


Policy = Callable[[SearchTree, Aim, Random], Expansion]


def greedy(tree: SearchTree, aim: Aim, rng: Random) -> Expansion:
    """Improve the incumbent; where nothing runs yet, repair the newest node."""
    if tree.incumbent is not None:
        return Expansion((tree.incumbent,), Operator.IMPROVE)
    return Expansion((tree.nodes[tree.ordered(_grown)[-1]],), Operator.DEBUG)


def tree_search(tree: SearchTree, aim: Aim, rng: Random) -> Expansion:
    """AIDE's policy (arXiv 2502.13138): now and then repair a failed leaf, else improve.

    It improves the incumbent, and in one of five steps another of the best nodes, so that a local
    optimum is left again.
    """
    if tree.incumbent is None:
        return greedy(tree, aim, rng)
    failed = tree.ordered(failed_leaf) if aim.repairs else ()
    if failed and rng.random() < _DEBUG_CHANCE:
        return Expansion((tree.nodes[rng.choice(failed)],), Operator.DEBUG)
    if rng.random() < _EXPLORE_CHANCE:
        best = tree.ordered(Rank(aim.metric, aim.goal))[:_EXPLORE_AMONG]
        return Expansion((tree.nodes[rng.choice(best)],), Operator.IMPROVE)
    return Expansion((tree.incumbent,), Operator.IMPROVE)


POLICIES: Mapping[str, Policy] = {"greedy": greedy, "tree": tree_search}
"""Every search policy, by the name `search.policy` gives it."""


def _is_grown(node: Node) -> bool:
    """A refused or failed proposal left no change to go on from."""
    return not node.parents or node.propose.diff.files > 0


def _grown(tree: SearchTree, node: Node) -> tuple[()] | None:
    return () if node.id in tree.rooted and _is_grown(node) else None


@dataclass(frozen=True)
class Rank:
    """Orders the nodes that may be improved, the best first."""

    metric: str
    goal: Goal

    def __call__(self, tree: SearchTree, node: Node) -> tuple[float] | None:
        if node.id not in tree.rooted or node.verdict not in (Verdict.KEEP, Verdict.DISCARD):
            return None
        value = node.value(self.metric)
        if value is None:
            return None
        return (value if self.goal == "minimize" else -value,)


def failed_leaf(tree: SearchTree, node: Node) -> tuple[()] | None:
    """Picks what is worth a repair: code that failed, that nobody went on from nor often mended."""
    if node.id not in tree.rooted or node.status not in _CODE_FAILED:
        return None
    if node.id in tree.children or not _is_grown(node):
        return None
    path = list(islice(tree.ancestors(node), _DEBUG_DEPTH))
    is_hopeless = len(path) == _DEBUG_DEPTH and all(
        one.propose.operator is Operator.DEBUG for one in path
    )
    return None if is_hopeless else ()
