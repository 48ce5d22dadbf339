"""The loop: a step is one trial, a run is steps until nothing is left to do."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..gitlab.errors import AiresearchError, NothingToDo, RefMoved
from ..gitlab.facts import Verdict
from ..gitlab.records import Action
from ..gitlab.tree import Node
from ..policies.budget import why_stop
from ..policies.search import POLICIES, Aim, Expansion
from .campaign import Campaign
from .judge import judge, pending, promote
from .measure import measure
from .propose import propose, propose_baseline

_RACES = 100
_FAILED_PROPOSALS = 3


@dataclass(frozen=True)
class Step:
    """What one step came to."""

    node: Node
    promoted: bool
    seconds: float
    """Wall-clock time of the whole step."""


def step(campaign: Campaign) -> Step:
    """One trial. Raises NothingToDo where the budget is spent or the target reached."""
    start = time.monotonic()
    for _ in range(_RACES):
        try:
            node = _step(campaign)
        except RefMoved:
            continue  # another worker was first: look again and decide anew
        promoted = node.verdict is Verdict.KEEP
        return Step(node, promoted, time.monotonic() - start)
    raise AiresearchError("another worker was first a hundred times over", "run the step again")


def _step(campaign: Campaign) -> Node:
    """select → desk → propose → guard → commit → run → measure → judge → promote."""
    campaign.refresh()
    _settle(campaign)
    node = _unfinished(campaign) or _grow(campaign, _select(campaign))
    if node.action is Action.PROPOSE:
        node = measure(campaign, node)
    if node.action is Action.MEASURE:
        node = judge(campaign, node)
    if node.verdict is Verdict.KEEP:
        promote(campaign, node)
    return node


def run(campaign: Campaign, trials: int | None, hours: float | None) -> Iterator[Step]:
    """Step after step, until the task's budget or this run's own ends it."""
    end = None if hours is None else time.monotonic() + hours * 3600
    done = failures = 0
    while (trials is None or done < trials) and (end is None or time.monotonic() < end):
        try:
            found = step(campaign)
        except NothingToDo:
            if not done:
                raise
            return
        yield found
        done += 1
        failures = failures + 1 if _is_failed_proposal(found.node) else 0
        if failures == _FAILED_PROPOSALS:
            raise AiresearchError(
                f"{found.node.propose.agent} failed to propose {failures} times in a row: "
                f"{found.node.reason}",
                f"look at it: airesearch show {found.node.id}",
            )


def _is_failed_proposal(node: Node) -> bool:
    return node.reason.startswith("the proposer failed")


def _settle(campaign: Campaign) -> None:
    """Promote what an ended worker kept and did not promote, if it still is the best."""
    for node in pending(campaign):
        incumbent = campaign.tree.incumbent
        if node.judged and node.judged.incumbent != (None if incumbent is None else incumbent.id):
            node = judge(campaign, node)
        if node.verdict is Verdict.KEEP:
            promote(campaign, node)
        campaign.refresh()


def _unfinished(campaign: Campaign) -> Node | None:
    """The first node that another worker, or an interrupt, left before its verdict."""
    waiting = (n for n in campaign.tree.rooted.values() if n.action is not Action.JUDGE)
    return next(waiting, None)


def _select(campaign: Campaign) -> Expansion | None:
    """What to expand; None for a baseline, which every new base of the trunk needs first."""
    tree, task = campaign.tree, campaign.task
    if tree.root is None:
        return None
    reason = why_stop(task, tree)
    if reason:
        raise NothingToDo(reason)
    repairs = campaign.agent_for(tree.next_id).proposer.repairs
    aim = Aim(task.objective.metric, task.objective.goal, repairs)
    return POLICIES[task.search.policy](tree, aim, campaign.draws(tree.next_id))


def _grow(campaign: Campaign, expansion: Expansion | None) -> Node:
    if expansion is None:
        return propose_baseline(campaign)
    return propose(campaign, expansion)
