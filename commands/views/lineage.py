"""The way from the baseline to a node, with what was tried beside it."""

from collections.abc import Iterator
from typing import Any

from ...gitlab.record.facts import Verdict
from ...gitlab.record.text import one_line
from ...gitlab.tree.search_tree import Node, SearchTree
from .lab_view import LabView

_SIBLINGS = 10
_LONGEST_REASON = 120
_OF_A_SIBLING = (
    *("node", "agent", "subject", "status", "metrics", "verdict", "reason"),
    *("outcome", "distance"),
)


def facts(view: LabView, member: Node) -> dict[str, Any]:
    """A node of the way as stable JSON, with what a next proposer needs to know of its siblings."""
    siblings = []
    for sibling in _siblings(view.tree, member):
        known = view.account(sibling)
        siblings.append({key: known[key] for key in _OF_A_SIBLING})
    return {**view.account(member), "siblings": siblings}


def beside(tree: SearchTree, member: Node) -> Iterator[str]:
    """The siblings of a node in a line, then each failure with its reason, bounded."""

    def more(count: int) -> str:
        return f" and {count - _SIBLINGS:,} more" if count > _SIBLINGS else ""

    siblings = _siblings(tree, member)
    if siblings:
        shown = ", ".join(f"{node.id} {node.outcome}" for node in siblings[:_SIBLINGS])
        yield f"{'':>14} beside it: {shown}{more(len(siblings))}"
    failed = [node for node in siblings if node.verdict is Verdict.FAIL]
    for node in failed[:_SIBLINGS]:
        yield f"{'':>16} {node.id} {node.outcome}: {one_line(node.reason, _LONGEST_REASON)}"
    if more(len(failed)):
        yield f"{'':>16}{more(len(failed))}"


def _siblings(tree: SearchTree, node: Node) -> list[Node]:
    others = tree.children(node.parents[0]) if node.parents else ()
    return [tree.nodes[other] for other in others if other != node.id]
