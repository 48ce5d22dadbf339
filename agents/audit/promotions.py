"""Whether promotions follow from the verdicts."""

from collections.abc import Iterator
from dataclasses import replace

from ...gitlab.reader.trees import edited
from ...gitlab.record.facts import Improvement, Metric, Verdict
from ...gitlab.record.parents import compared_parent
from ...gitlab.record.records import Judge, Measure
from ...gitlab.tree.ladder import standing
from ...policies.promotion.noise import estimate, own_noise
from ...policies.promotion.replication import ESTIMATE
from ..trials.gates import held_to
from ..trunk.cost import judging
from ..trunk.measured import Changes
from .context import AuditContext
from .figures import fresh_trials, is_well, means
from .node_history import Claims, NodeHistory, Promotion, author_claims
from .rules import Rules
from .times import promotion_time_claims


def promotion_claims(context: AuditContext, promotion: Promotion) -> Claims:
    """A merge of trunk: the winner's tree, its verdict, and the figures against the baseline."""
    commit = promotion.commit
    yield from author_claims(commit, promotion.record)
    if len(commit.parents) != 2:
        yield commit.id, f"a promotion has two parents, and it has {len(commit.parents)}"
        return
    tree = context.objects.commit(compared_parent(promotion.record, commit.parents)).tree
    due_tree = edited(context.objects, tree, _carried(context, promotion, tree))
    if commit.tree != due_tree:
        yield commit.id, f"its tree {commit.tree} is not the winner's, {due_tree}"
    rules = context.rules_at(promotion.rules)
    if isinstance(rules, str) and promotion.rules != promotion.base:
        yield commit.id, f"the rules in force cannot be read: {rules}"
    due = promotion.rules if isinstance(rules, Rules) and rules.task.is_split else None
    if promotion.record.rules != due:
        yield commit.id, f"its Rules are {promotion.record.rules}, and those in force were {due}"
    for what in (*context.objects.unsound(commit.tree, tree), *_faults(context, promotion)):
        yield commit.id, what
    yield from promotion_time_claims(context, promotion)


def _carried(context: AuditContext, promotion: Promotion, tree: str) -> Changes:
    """What people changed since the winner was proposed that is no part of its program."""
    winner = context.nodes.get(promotion.record.node)
    measured = None if winner is None else context.measured(winner)
    if winner is None or measured is None or measured.base != promotion.base:
        return {}
    before = winner.propose.rules or measured.base
    if context.place(winner, before) is None:
        return {}
    return measured.carried(tree, before, promotion.rules)


def _faults(context: AuditContext, promotion: Promotion) -> Iterator[str]:
    commit, said, base = promotion.commit, promotion.record, promotion.base
    row = context.trunk.promotions[base]
    incumbents = context.incumbents(promotion)
    before = standing(earlier.record.node for earlier in row[: promotion.place])
    is_step_down = said.node in before
    if is_step_down and (said.node not in incumbents or before[-1] == said.node):
        yield f"node {said.node} was promoted before"
    winner = context.nodes.get(said.node)
    if winner is None:
        return
    if said.parent_node != winner.propose.parent_node:
        yield "its Parent-Node is not that of the node"
    tip = compared_parent(said, commit.parents)
    if not winner.holds(tip):
        yield f"its second parent {tip} is not on the branch of node {said.node}"
        return
    judged, fresh = fresh_trials(winner, tip)
    rules = context.rules(winner, said.rules)
    fresh = fresh if rules is None else list(held_to(rules.task, fresh))
    if judged is None or judged.verdict is not Verdict.KEEP:
        yield f"node {said.node} was not judged keep at its second parent"
    elif context.base(said.node) != base:
        yield f"node {said.node} grew from another base than trunk's"
    else:
        due = row[promotion.place - 1].record.node if promotion.place else None
        if judged.incumbent not in incumbents and not is_step_down:
            yield f"it was judged against {judged.incumbent}, and the incumbent was {due}"
        then = context.rules(winner, judged.rules)
        if rules and then and judging(rules.task) != judging(then.task) and not is_step_down:
            yield "it was judged by other rules than were in force"
        fresh = fresh if winner.propose.parent_node else []  # nothing selects a baseline
        if said.metric != (means(fresh) or judged.metric):
            yield "its metrics are not those that were measured after the verdict"
        if rules is not None:
            yield from _estimate_faults(context, promotion, winner, judged, fresh, rules)
            yield from _gain_faults(context, promotion, winner, rules, is_step_down)


def _estimate_faults(
    context: AuditContext,
    promotion: Promotion,
    winner: NodeHistory,
    judged: Judge,
    fresh: list[Measure],
    rules: Rules,
) -> Iterator[str]:
    """Where there is noise, trials that had no part in choosing the winner say how good it is."""
    said, noise = promotion.record, judged.noise
    due = 0 if rules.standard.is_single or noise is None or not noise.sd > 0 else ESTIMATE
    if winner.propose.parent_node and len(fresh) < due:
        yield f"it rests on {len(fresh)} trials after the verdict, of {due} due"
    if fresh and not is_well(fresh):
        yield f"a trial of node {said.node} after the verdict failed"
    if said.holdout is not None and rules.task.holdout is None:
        yield "it has a Holdout, and the task has none"
    trials = fresh or held_to(rules.task, context.weighed(winner, judged))
    metric, tip = rules.standard.metric, compared_parent(said, promotion.commit.parents)
    if rules.standard.staged:
        noise = own_noise(held_to(rules.task, winner.trials_up_to(tip)), metric, noise)
    text = str(estimate(trials, metric, noise))
    if said.evidence != text:
        yield f"its Evidence is {said.evidence}, and the trials give {text}"


def _gain_faults(
    context: AuditContext,
    promotion: Promotion,
    winner: NodeHistory,
    rules: Rules,
    is_step_down: bool,
) -> Iterator[str]:
    said, metric, root = promotion.record, rules.standard.metric, context.root(winner.node)
    first: float | None = None
    if root is not None and root is not winner:
        known = context.values_by(root, promotion.commit.time)
        said_first = None if said.baseline is None else said.baseline.value
        first = said_first if said_first in known else next(iter(known))
    value = next((m.value for m in said.metric if m.name == metric), None)
    baseline = None if first is None else Metric(metric, first)
    gain = None if first is None or value is None else Improvement.between(first, value)
    if said.baseline != baseline:
        yield f"its Baseline is {said.baseline}, and the baseline measured {baseline}"
    if said.improvement != gain:
        yield f"its Improvement is {said.improvement}, and the trials give {gain}"
    if value is not None:
        how = "step down to" if is_step_down else "promote"
        text = f"{how} node {said.node}, {metric} {value:.6g}"
        if said.subject != replace(said, subject=text).subject:
            yield f"its subject says {said.subject!r}, and it is {text!r}"
