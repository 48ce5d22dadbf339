"""The judge: a node's trials against the incumbent's, and the promotion that follows."""

from ...gitlab.record.facts import Improvement, Metric, Verdict
from ...gitlab.record.records import Judge, Promote
from ...gitlab.store.refs import node_branch
from ...gitlab.tree.search_tree import Node, means
from ...policies.access.guard import no_change_policy
from ...policies.promotion.decide import Ruling, decide
from ...policies.promotion.error_budget import share
from ...policies.promotion.noise import estimate
from ...policies.promotion.replication import ESTIMATE
from ..campaign import Campaign
from .holdout import look

_NAME = "judge"


def rule(campaign: Campaign, node: Node) -> Ruling | None:
    """The ruling that the node's trials allow; None where they ask for another."""
    tree, standard = campaign.tree, campaign.standard
    rival = None if tree.incumbent is None else tree.incumbent.trials
    error = share(tree, node, standard.confidence)
    return decide(standard, node.trials, rival, campaign.noise, error)


def judge(campaign: Campaign, node: Node, ruling: Ruling) -> Node:
    """The node with a verdict against the present incumbent on its branch."""
    incumbent = campaign.tree.incumbent
    is_blind = campaign.standard.is_single or ruling.verdict is Verdict.FAIL
    record = Judge(
        agent=_NAME,
        subject=f"{ruling.verdict}, {ruling.reason}",
        node=node.id,
        parent_node=node.parents,
        verdict=ruling.verdict,
        metric=() if ruling.verdict is Verdict.FAIL else means(node.trials),
        incumbent=None if incumbent is None else incumbent.id,
        delta=ruling.delta,
        evidence=ruling.evidence,
        noise=None if is_blind else campaign.noise,
        error_spent=ruling.error_spent,
        reason=ruling.reason,
    )
    tree = campaign.lab.tree_of(node.tip)
    check = no_change_policy(_NAME).check
    tip = campaign.lab.commit(node_branch(node.id), record, tree, [node.tip], check=check)
    return node.after(tip, record)


def is_estimated(campaign: Campaign, node: Node) -> bool:
    """Whether a kept node has enough trials that did not select it."""
    if not node.parents or campaign.standard.is_single or not campaign.noise.sd:
        return True
    return len(node.trials) - node.weighed >= ESTIMATE


def promote(campaign: Campaign, node: Node) -> None:
    """Merge a kept node into the trunk: two parents, the node's tree object for object."""
    objective, root = campaign.task.objective, campaign.tree.root
    assert node.judged is not None, "only a kept node is promoted"
    found = estimate(node.estimating, objective.metric, node.judged.noise)
    assert found is not None, "only a measured node is kept"
    start = None if root is None or root.id == node.id else campaign.value(root)
    record = Promote(
        agent=_NAME,
        subject=f"promote node {node.id}, {objective.metric} {found.value:.6g}",
        body=node.propose.subject,
        node=node.id,
        parent_node=node.parents,
        metric=node.metrics,
        evidence=str(found),
        holdout=look(campaign, node),
        baseline=None if start is None else Metric(objective.metric, start),
        improvement=None if start is None else Improvement.between(start, found.value),
    )
    campaign.lab.commit(
        campaign.lab.trunk,
        record,
        campaign.lab.tree_of(node.tip),
        [campaign.tree.trunk, node.tip],
        check=no_change_policy(_NAME).check,
    )
