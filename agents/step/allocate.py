"""What the next trial is for: an allocation policy, asked with the campaign's figures."""

import statistics
from collections.abc import Mapping, Sequence

from ...gitlab.record.facts import Plan, Verdict
from ...gitlab.tree.search_tree import Node, SearchTree, mean, values_of
from ...policies.allocation.registry import ALLOCATIONS
from ...policies.allocation.standing import EXPLORE, Contender, Next, Standing
from ...policies.budget import spent
from ...policies.promotion.contest import planned
from ...policies.promotion.error_budget import free_place, part
from ...policies.promotion.noise import noise_floor
from ...policies.promotion.plan import is_log, is_paired
from ...policies.promotion.replication import ESTIMATE, FIRST
from ...policies.promotion.ruling import standard_of
from ...policies.task.task import Task
from ..campaign import Campaign
from ..snapshot import Snapshot
from .judge import judge, rule

_SHOWN = 8
"""Contenders that an allocation chooses among."""


def next_trial(campaign: Campaign) -> Next:
    """What the next trial is for, as far as was last looked."""
    tree, task = campaign.now.tree, campaign.now.task
    if on_trial(tree):
        return EXPLORE
    standing = standing_of(tree, task, campaign.left, campaign.is_explored)
    return EXPLORE if standing is None else ALLOCATIONS["staged"](standing)


def standing_of(
    tree: SearchTree, task: Task, left: int | None = None, is_explored: bool = False
) -> Standing | None:
    """How a campaign stands, of which a run may take so many more trials; None where nothing says.

    None instead where nothing needs to be raced or confirmed.
    """
    incumbent, standard = tree.incumbent, standard_of(task)
    noise = noise_floor(tree, task.objective.metric).sd
    if incumbent is None or standard.is_single or not noise:
        return None
    ahead, values = _ahead(tree, task, incumbent), _values(task, incumbent)
    nodes, trials = tree.trials_here()
    own = 0 if tree.root is None else min(len(tree.root.trials), FIRST) - 1
    return Standing(
        contenders=ahead,
        noise=statistics.stdev(values) if len(values) > 1 else noise,
        fresh=len(values),
        paired=_is_paired(tree, task, incumbent, ahead),
        longest=standard.pairs,
        since=tree.measured_after(ahead[0].node) if ahead else 0,
        spent=trials,
        judging=max(trials - nodes - own, 0),
        is_explored=is_explored,
        left=trials_left(tree, task, left),
        error=part(free_place(tree.places()), standard.confidence),
    )


def trials_left(tree: SearchTree, task: Task, left: int | None) -> int | None:
    """Trials that may follow by the campaign's budget and by a run's; None where nothing says."""
    used, budget = spent(tree), task.budget
    told = [] if left is None else [left]
    if budget.trials is not None:
        told.append(budget.trials - used.trials)
    if budget.hours is not None and used.hours:
        told.append(int((budget.hours - used.hours) / used.hours * used.trials))
    return max(min(told), 0) if told else None


def reserved(tree: SearchTree) -> int:
    """Trials that are spoken for by nodes that are being confirmed, and by kept ones."""
    return sum(_due(node) for node in on_trial(tree))


def _due(node: Node) -> int:
    if node.is_kept or node.plan is None:
        return max(ESTIMATE - (len(node.trials) - node.weighed), 0)
    more = max(node.plan.most - (len(node.trials) - node.plan.after), 0)
    return more * (2 if node.plan.paired else 1) + ESTIMATE


def on_trial(tree: SearchTree) -> Sequence[Node]:
    """The nodes that are being confirmed, or are kept and not promoted yet."""
    return [node for node in tree.waiting() if node.is_on_trial or node.is_kept]


def begin_to_confirm(now: Snapshot, node: Node, most: int) -> None:
    """Have a node's plan and its place in the error budget on record, before any fresh trial."""
    standing, incumbent = rule(now, node, now.task), now.tree.incumbent
    if standing is None or standing.verdict is not Verdict.CONTEND or incumbent is None:
        return
    tree, task = now.tree, now.task
    ahead = _ahead(tree, task, incumbent)
    has_margin = bool(task.promotion.min_effect) or task.promotion.simpler is not None
    plan = Plan(
        place=free_place(tree.places()),
        after=len(node.trials),
        most=most,
        paired=_is_paired(tree, task, incumbent, ahead),
        log=not has_margin and is_log(_replicates(tree, task, incumbent, ahead)),
    )
    judge(now, node, planned(standing, plan, part(plan.place, now.standard.confidence)))


def _ahead(tree: SearchTree, task: Task, incumbent: Node) -> list[Contender]:
    """The nodes that are ahead and that nobody tried to confirm, the first by most."""
    objective, theirs = task.objective, mean(_values(task, incumbent))
    found = []
    for node in tree.nodes.those(tree.unconfirmed(objective.metric, objective.goal, _SHOWN)):
        ours = node.value(objective.metric)
        if ours is not None and theirs is not None:
            apart = theirs - ours if objective.goal == "minimize" else ours - theirs
            found.append(Contender(node.id, apart - task.promotion.min_effect, len(node.trials)))
    return [one for one in found if one.gain > 0]


def _is_paired(tree: SearchTree, task: Task, incumbent: Node, ahead: Sequence[Contender]) -> bool:
    return task.is_timing or is_paired(_replicates(tree, task, incumbent, ahead))


def _replicates(
    tree: SearchTree, task: Task, incumbent: Node, ahead: Sequence[Contender]
) -> list[Mapping[int, float]]:
    """What each node of interest measured on which seed."""
    nodes = {incumbent.id: incumbent, **{one.node: tree.nodes[one.node] for one in ahead}}
    if tree.root is not None:
        nodes[tree.root.id] = tree.root
    return [values_of(node.trials, task.objective.metric) for node in nodes.values()]


def _values(task: Task, incumbent: Node) -> tuple[float, ...]:
    return tuple(values_of(incumbent.fresh, task.objective.metric).values())
