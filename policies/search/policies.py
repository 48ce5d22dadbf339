"""What to expand next and how: pure functions of the tree and a seeded generator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from ...gitlab.record.facts import Goal, Operator, Status, Verdict
from ...gitlab.tree.node import Node
from .tree import Tree

_DEBUG_CHANCE = 0.3
_DEBUG_DEPTH = 3
"""Repairs in a row after which nobody tries another."""
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


Policy = Callable[[Tree, Aim, Random], Expansion]


def greedy(tree: Tree, aim: Aim, rng: Random) -> Expansion:
    """Improve what leads; where nothing runs yet, repair the newest node."""
    if tree.incumbent is not None:
        return Expansion((_lead(tree, aim, tree.incumbent),), Operator.IMPROVE)
    return Expansion((tree.newest_change(),), Operator.DEBUG)


def tree_search(tree: Tree, aim: Aim, rng: Random) -> Expansion:
    """AIDE's policy (arXiv 2502.13138): now and then repair a failed leaf, else improve.

    It improves what leads, and in one of five steps another of the best nodes, so that a local
    optimum is left again.
    """
    if tree.incumbent is None:
        return greedy(tree, aim, rng)
    failed = tree.failed_leaves(_CODE_FAILED, _DEBUG_DEPTH) if aim.repairs else ()
    if failed and rng.random() < _DEBUG_CHANCE:
        return Expansion((tree.nodes[rng.choice(failed)],), Operator.DEBUG)
    if rng.random() < _EXPLORE_CHANCE:
        best = tree.best(aim.metric, aim.goal, _EXPLORE_AMONG)
        return Expansion((tree.nodes[rng.choice(best)],), Operator.IMPROVE)
    return Expansion((_lead(tree, aim, tree.incumbent),), Operator.IMPROVE)


def _lead(tree: Tree, aim: Aim, incumbent: Node) -> Node:
    """The best contender where it is ahead of all else, else the incumbent."""
    best = [tree.nodes[node] for node in tree.best(aim.metric, aim.goal, 1)]
    return next((node for node in best if node.verdict is Verdict.CONTEND), incumbent)


POLICIES: Mapping[str, Policy] = {"greedy": greedy, "tree": tree_search}
"""Every search policy, by the name `search.policy` gives it."""
