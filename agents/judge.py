"""The judge: a node's trials against the incumbent's, and the promotion that follows."""

from ..gitlab.facts import Improvement, Metric, Status, Verdict
from ..gitlab.records import Judge, Promote
from ..gitlab.refs import node_branch
from ..gitlab.tree import Node
from ..policies.guard import no_change_policy
from ..policies.promotion import Ruling, failed, weigh
from .campaign import Campaign

_NAME = "judge"


def judge(campaign: Campaign, node: Node) -> Node:
    """The node with a verdict against the present incumbent on its branch."""
    ruling = _ruling(campaign, node)
    incumbent = campaign.tree.incumbent
    record = Judge(
        agent=_NAME,
        subject=f"{ruling.verdict}, {ruling.reason}",
        node=node.id,
        parent_node=node.parents,
        verdict=ruling.verdict,
        metric=_metrics(node),
        incumbent=None if incumbent is None else incumbent.id,
        delta=ruling.delta,
        evidence=ruling.evidence,
        reason=ruling.reason,
    )
    tree = campaign.lab.tree_of(node.tip)
    check = no_change_policy(_NAME).check
    tip = campaign.lab.commit(node_branch(node.id), record, tree, [node.tip], check=check)
    return Node(tip, node.onto, node.proposed, node.propose, node.trials, record)


def promote(campaign: Campaign, node: Node) -> None:
    """Merge a kept node into the trunk: two parents, the node's tree object for object."""
    objective, root = campaign.task.objective, campaign.tree.root
    value = campaign.value(node)
    assert value is not None, "only a measured node is kept"
    first = None if root is None or root.id == node.id else campaign.value(root)
    record = Promote(
        agent=_NAME,
        subject=f"promote node {node.id}, {objective.metric} {value:.6g}",
        body=node.propose.subject,
        node=node.id,
        parent_node=node.parents,
        metric=_metrics(node),
        baseline=None if first is None else Metric(objective.metric, first),
        improvement=None if first is None else Improvement.between(first, value),
    )
    campaign.lab.commit(
        campaign.lab.trunk,
        record,
        campaign.lab.tree_of(node.tip),
        [campaign.tree.trunk, node.tip],
        check=no_change_policy(_NAME).check,
    )


def _ruling(campaign: Campaign, node: Node) -> Ruling:
    value = campaign.value(node)
    if value is None:
        return failed(node.status or Status.LOST, node.reason)
    objective, effect = campaign.task.objective, campaign.task.promotion.min_effect
    best = campaign.value(campaign.tree.incumbent)
    return weigh(objective.metric, objective.goal, effect, value, best)


def _metrics(node: Node) -> tuple[Metric, ...]:
    return node.trials[-1].metric if node.status is Status.OK else ()


def pending(campaign: Campaign) -> tuple[Node, ...]:
    """The nodes that were kept and not promoted: a worker died between the two."""
    promoted = {promotion.node for promotion in campaign.tree.promotions}
    nodes = campaign.tree.rooted.values()
    return tuple(n for n in nodes if n.verdict is Verdict.KEEP and n.id not in promoted)
