"""The promotion: a kept node merged into the trunk."""

from ...gitlab.record.facts import Improvement, Metric
from ...gitlab.record.records import Promote
from ...gitlab.tree.search_tree import Node
from ...policies.access.guard import no_change_policy
from ...policies.promotion.noise import estimate, own_noise
from ..snapshot import Snapshot
from ..trials.gates import held_to
from .holdout import evaluate_holdout

_NAME = "judge"


def promote(now: Snapshot, node: Node) -> None:
    """Merge a kept node into the trunk: two parents, the node's tree object for object.

    But for what people changed since on the trunk that is no part of its program.
    """
    objective, root = now.task.objective, now.tree.root
    assert node.judged is not None, "only a kept node is promoted"
    noise = node.judged.noise
    if now.standard.staged:
        noise = own_noise(held_to(now.task, node.trials), objective.metric, noise)
    found = estimate(node.estimating, objective.metric, noise)
    assert found is not None, "only a measured node is kept"
    start = None if root is None or root.id == node.id else now.value(root)
    how = "step down to" if node.id in now.tree.promoted else "promote"
    record = Promote(
        agent=_NAME,
        subject=f"{how} node {node.id}, {objective.metric} {found.value:.6g}",
        body=node.propose.subject,
        node=node.id,
        parent_node=node.parents,
        metric=node.metrics,
        evidence=str(found),
        holdout=None if node.id in now.tree.promoted else evaluate_holdout(now, node),
        baseline=None if start is None else Metric(objective.metric, start),
        improvement=None if start is None else Improvement.between(start, found.value),
        rules=now.rules,
    )
    tree = now.carried(node)
    now.lab.commit(
        now.lab.trunk,
        record,
        tree,
        [now.tree.trunk, node.tip],
        check=no_change_policy(_NAME).check,
        before=tree,
    )
