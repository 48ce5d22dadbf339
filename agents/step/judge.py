"""The judge: a node's trials against the incumbent's, and what follows from the verdict."""

from ...gitlab.errors import RefMoved
from ...gitlab.names import node_branch
from ...gitlab.record.facts import Status, Verdict
from ...gitlab.record.records import Judge
from ...gitlab.tree.search_tree import Node, means
from ...policies.access.guard import no_change_policy
from ...policies.promotion.contest import Incumbent, contest
from ...policies.promotion.decide import decide
from ...policies.promotion.error_budget import part, share
from ...policies.promotion.replication import ESTIMATE
from ...policies.promotion.ruling import Ruling, standard_of
from ...policies.task.task import Task
from ..campaign import Campaign
from ..snapshot import Snapshot
from ..trials.gates import held_to
from ..trunk.cost import judging
from .leases import RACES, beaten
from .promote import promote

_NAME = "judge"


def judge_and_promote(campaign: Campaign, node_id: int) -> tuple[Node, bool]:
    """The node with the verdict its trials allow, if any, and whether trunk was promoted to it."""
    for _ in range(RACES):
        now = campaign.look()
        node = now.tree.nodes[node_id]
        if not now.tree.is_waiting(node) or not node.trials:
            return node, False
        try:
            if not verdict_is_current(now, node):
                ruling = rule(now, node, now.task)
                if ruling is None:
                    return node, False
                node = judge(now, node, ruling)
            if node.verdict is not Verdict.KEEP or not is_estimated(now, node):
                return node, False
            promote(now, node)
            return campaign.look().tree.nodes[node_id], True
        except RefMoved:
            continue
    raise beaten()


def verdict_is_current(now: Snapshot, node: Node) -> bool:
    """Whether a kept node was judged against the incumbent that trunk has now."""
    incumbent = None if now.tree.incumbent is None else now.tree.incumbent.id
    if node.judged is None or node.verdict is not Verdict.KEEP:
        return False
    if now.rules is not None:
        before = now.task_under(node.judged.rules)
        if before is None or judging(before) != judging(now.task):
            return False
    # A winner that fails on a fresh seed is judged again, and fails.
    trials = held_to(now.task, node.trials)
    return node.judged.incumbent == incumbent and all(t.status is Status.OK for t in trials)


def rule(now: Snapshot, node: Node, task: Task) -> Ruling | None:
    """The ruling that the node's trials allow under a task; None where they ask for another."""
    tree, standard = now.tree, standard_of(task)
    rival = tree.incumbent
    if standard.staged:
        return _contest(now, node, task)
    error = share(tree, node, standard.confidence)
    theirs = None if rival is None else held_to(task, rival.trials)
    return decide(standard, held_to(task, node.trials), theirs, now.noise, error)


def _contest(now: Snapshot, node: Node, task: Task) -> Ruling | None:
    standard, rival, plan = standard_of(task), now.tree.incumbent, node.plan
    theirs = None
    if rival is not None:
        theirs = Incumbent(held_to(task, rival.trials), held_to(task, rival.fresh))
    error = 0.0 if plan is None else part(plan.place, standard.confidence)
    return contest(standard, held_to(task, node.trials), theirs, now.noise, plan, error)


def judge(now: Snapshot, node: Node, ruling: Ruling) -> Node:
    """The node with a verdict against the present incumbent on its branch."""
    incumbent = now.tree.incumbent
    is_blind = now.standard.is_single or ruling.verdict is Verdict.FAIL
    record = Judge(
        agent=_NAME,
        subject=f"{ruling.verdict}, {ruling.reason}",
        node=node.id,
        parent_node=node.parents,
        verdict=ruling.verdict,
        metric=() if ruling.verdict is Verdict.FAIL else means(held_to(now.task, node.trials)),
        incumbent=None if incumbent is None else incumbent.id,
        delta=ruling.delta,
        evidence=ruling.evidence,
        noise=None if is_blind else now.noise,
        error_spent=ruling.error_spent,
        plan=ruling.plan,
        reason=ruling.reason,
        rules=now.rules,
    )
    tree = now.lab.tree_of(node.tip)
    check = no_change_policy(_NAME).check
    tip = now.lab.commit(node_branch(node.id), record, tree, [node.tip], check=check)
    return node.with_record(tip, record)


def is_estimated(now: Snapshot, node: Node) -> bool:
    """Whether a kept node has enough trials that did not select it."""
    if not node.parents or now.standard.is_single or not now.noise.sd:
        return True
    return len(node.trials) - node.weighed >= ESTIMATE
