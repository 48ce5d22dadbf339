"""Nodes that want a trial or a verdict, and their verdict once their trials allow one."""

from ...gitlab.record.facts import Status, Verdict
from ...gitlab.record.records import Action
from ...gitlab.tree.search_tree import Node, SearchTree
from ..campaign import Campaign
from .judge import is_estimated, judge, promote, rule


def waiting(campaign: Campaign) -> list[Node]:
    """The nodes that want a trial or a verdict, oldest first."""
    tree = campaign.tree
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


def stands(campaign: Campaign, node: Node) -> bool:
    """Whether a kept node was judged against the incumbent that trunk has now."""
    incumbent = campaign.tree.incumbent
    now = None if incumbent is None else incumbent.id
    if node.judged is None or node.verdict is not Verdict.KEEP or node.judged.incumbent != now:
        return False
    # A winner that fails on a fresh seed is judged again, and fails.
    return all(trial.status is Status.OK for trial in node.trials)


def conclude(campaign: Campaign, node_id: int) -> bool:
    """judge → promote, as far as the trials allow; whether this promoted the node."""
    campaign.refresh()
    node = campaign.tree.nodes[node_id]
    if not is_waiting(campaign.tree, node) or not node.trials:
        return False
    if not stands(campaign, node):
        ruling = rule(campaign, node)
        if ruling is None:
            return False
        node = judge(campaign, node, ruling)
        campaign.know(node)
    if node.verdict is not Verdict.KEEP or not is_estimated(campaign, node):
        return False
    promote(campaign, node)
    campaign.refresh()
    return True
