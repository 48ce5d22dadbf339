"""The queue: nodes that want a trial or a verdict."""

from ...gitlab.record.facts import Verdict
from ...gitlab.record.records import Action
from ...gitlab.tree.search_tree import Node, SearchTree
from ..snapshot import Snapshot


def waiting(now: Snapshot) -> list[Node]:
    """The nodes that want a trial or a verdict, oldest first."""
    tree = now.tree
    return [tree.nodes[node] for node in tree.ordered(is_open)]


def is_open(tree: SearchTree, node: Node) -> tuple[()] | None:
    """Picks the nodes that are waiting."""
    return () if is_waiting(tree, node) else None


def is_waiting(tree: SearchTree, node: Node) -> bool:
    """Whether the node wants a trial or a verdict."""
    # A person's commit may have come in the middle: what grew before it is not promoted over it.
    if node.id not in tree.rooted:
        return False
    is_kept = node.verdict is Verdict.KEEP and node.id not in tree.promoted
    return is_kept or node.action is not Action.JUDGE
