"""What to expand next and how: pure functions of the tree and a seeded generator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from ..gitlab.facts import Goal, Operator, Status, Verdict
from ..gitlab.tree import Node, SearchTree

_DEBUG_CHANCE = 0.3
_DEBUG_DEPTH = 3
_EXPLORE_CHANCE = 0.2
_EXPLORE_AMONG = 5
_CODE_FAILED = (Status.INVALID, Status.CRASH, Status.TIMEOUT, Status.MEMORY, Status.OUTPUT)


@dataclass(frozen=True)
class Expansion:
    """The node to grow from and the operator to grow with."""

    parent: Node
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
        return Expansion(tree.incumbent, Operator.IMPROVE)
    grown = (node for node in tree.rooted.values() if _is_grown(node))
    return Expansion(max(grown, key=lambda node: node.id), Operator.DEBUG)


def tree_search(tree: SearchTree, aim: Aim, rng: Random) -> Expansion:
    """AIDE's policy (arXiv 2502.13138): now and then repair a failed leaf, else improve.

    It improves the incumbent, and in one of five steps another of the best nodes, so that a local
    optimum is left again.
    """
    if tree.incumbent is None:
        return greedy(tree, aim, rng)
    failed = [node for node in tree.rooted.values() if _can_debug(tree, node)]
    if aim.repairs and failed and rng.random() < _DEBUG_CHANCE:
        return Expansion(rng.choice(failed), Operator.DEBUG)
    if rng.random() < _EXPLORE_CHANCE:
        ranked = _ranked(tree, aim)[:_EXPLORE_AMONG]
        return Expansion(rng.choice(ranked), Operator.IMPROVE)
    return Expansion(tree.incumbent, Operator.IMPROVE)


POLICIES: Mapping[str, Policy] = {"greedy": greedy, "tree": tree_search}
"""Every search policy, by the name `search.policy` gives it."""


def _is_grown(node: Node) -> bool:
    """A refused or failed proposal left no change to go on from."""
    return not node.parents or node.propose.diff.files > 0


def _ranked(tree: SearchTree, aim: Aim) -> list[Node]:
    sign = 1 if aim.goal == "minimize" else -1
    scored = [
        (sign * value, node.id, node)
        for node in tree.rooted.values()
        if node.verdict in (Verdict.KEEP, Verdict.DISCARD)
        and (value := node.value(aim.metric)) is not None
    ]
    return [node for _, _, node in sorted(scored, key=lambda item: item[:2])]


def _can_debug(tree: SearchTree, node: Node) -> bool:
    if node.status not in _CODE_FAILED or node.id in tree.children or not _is_grown(node):
        return False
    path = tree.lineage(node.id)[::-1]
    depth = next((i for i, n in enumerate(path) if n.propose.operator != Operator.DEBUG), len(path))
    return depth < _DEBUG_DEPTH
