"""The loop: a step is one trial, a run is steps until nothing is left to do."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ..gitlab.errors import AiresearchError, NothingToDo, RefMoved
from ..gitlab.lab.housekeeping import Housekeeper
from ..gitlab.record.facts import Status, Trial, Verdict
from ..gitlab.tree.search_tree import Node
from ..policies.budget import seconds_of, trials_of
from ..policies.promotion.error_budget import spender
from ..policies.promotion.noise import Freedom, Squares
from ..policies.promotion.replication import ESTIMATE, next_fresh, next_turn
from ..policies.search.policies import Rank, failed_leaf
from .campaign import Campaign
from .executors.local.process import finishing
from .step.claim import Busy, Claims
from .step.measure import by_candidate, by_program, measure
from .step.propose import Scored, by_agent, tried
from .step.queue import conclude, is_open, is_waiting, stands, waiting
from .step.select import grow, pause, require_budget

_T = TypeVar("_T")
_RACES = 100
_FAILED_PROPOSALS = 3


@dataclass(frozen=True)
class Step:
    """What one step came to."""

    node: Node
    """The node that was put to the test."""
    trial: Trial
    """What was run: a trial of the node, or the incumbent's side of a pair."""
    promoted: bool
    seconds: float
    """Wall-clock time of the whole step."""


def step(campaign: Campaign) -> Step:
    """One trial. Raises NothingToDo where the budget is spent or the target reached.

    Ctrl-C ends a trial that runs; what has ended is recorded first.
    """
    return _step(campaign, _measure_next)


def replicate(campaign: Campaign, node_id: int) -> Step:
    """One more trial of a node, on its next seed, and the verdict if that allows one."""
    return _step(campaign, lambda mine, claims: _measure_again(mine, claims, node_id))


def _step(campaign: Campaign, measure_one: Callable[[Campaign, Claims], tuple[int, Trial]]) -> Step:
    start = time.monotonic()
    with finishing():
        while True:
            with suppress(Busy), Claims(campaign.lab) as claims:
                node, trial = _despite_others(partial(measure_one, campaign, claims))
                promoted = _despite_others(partial(conclude, campaign, node))
                break
            pause(campaign)
    return Step(campaign.tree.nodes[node], trial, promoted, time.monotonic() - start)


def _measure_again(campaign: Campaign, claims: Claims, node_id: int) -> tuple[int, Trial]:
    campaign.refresh()
    if not claims.take(node_id):
        raise Busy
    node, task = campaign.tree.get(node_id), campaign.task
    if node_id not in campaign.tree.rooted:
        raise AiresearchError(
            f"node {node_id} grew from an older commit of the trunk, under other rules",
            "only nodes of the present base can be replicated: airesearch log",
        )
    if node.status is not Status.OK:
        how = "was not measured yet" if node.status is None else f"is {node.status}: {node.reason}"
        raise AiresearchError(
            f"node {node_id} {how}",
            f"only a trial that is ok has replicates: airesearch show {node_id}",
        )
    require_budget(campaign, claims, 1)
    done = [trial.trial.replicate for trial in node.trials]
    if node.verdict is Verdict.KEEP:
        again = next_fresh(done)
    else:
        _, again = next_turn(done, done, task.is_timing)
    campaign.know(measure(campaign, node, again))
    return node_id, Trial(node_id, again)


def _despite_others(act: Callable[[], _T]) -> _T:
    """Where another worker was first: look again and decide anew."""
    for _ in range(_RACES):
        try:
            return act()
        except RefMoved:
            continue
    raise AiresearchError("another worker was first a hundred times over", "run the step again")


def _measure_next(campaign: Campaign, claims: Claims) -> tuple[int, Trial]:
    """select → desk → propose → guard → commit → run → measure; the node at test, and what ran."""
    turn = _begun(campaign, claims) or _new(campaign, claims)
    campaign.know(measure(campaign, turn.runs, turn.replicate))
    return turn.node, Trial(turn.runs.id, turn.replicate)


@dataclass(frozen=True)
class _Turn:
    """The next trial: which node runs it, and for the sake of which."""

    node: int
    runs: Node
    replicate: int


def _begun(campaign: Campaign, claims: Claims) -> _Turn | None:
    """The next trial of the first node that was begun, that no other worker is at.

    What an ended worker measured is judged and promoted on the way: that needs no trial.
    """
    campaign.refresh()
    _count(campaign)
    for begun in waiting(campaign):
        if not claims.take(begun.id):
            continue
        conclude(campaign, begun.id)
        node = campaign.tree.nodes[begun.id]
        if not is_waiting(campaign.tree, node):
            continue
        runs, replicate = _turn(campaign, claims, node)
        if claims.take(runs.id):
            return _Turn(node.id, runs, replicate)
    return None


def _new(campaign: Campaign, claims: Claims) -> _Turn:
    """A new node's first trial."""
    node = grow(campaign, claims)
    runs, replicate = _turn(campaign, claims, node)
    return _Turn(node.id, runs, replicate)


def _count(campaign: Campaign) -> None:
    """What steps ask of all nodes, counted at once: in a large lab each takes a while by itself."""
    metric, goal = campaign.task.objective.metric, campaign.task.objective.goal
    campaign.tree.count(
        (
            is_open,
            by_candidate,
            by_program,
            by_agent,
            tried,
            Scored(metric),
            spender,
            failed_leaf,
            Rank(metric, goal),
        ),
        (trials_of, seconds_of, Squares(metric), Freedom(metric)),
    )


def _turn(campaign: Campaign, claims: Claims, node: Node) -> tuple[Node, int]:
    """Who runs which replicate, to learn about `node`. Raises NothingToDo."""
    incumbent, task = campaign.tree.incumbent, campaign.task
    done = [trial.trial.replicate for trial in node.trials]
    if incumbent is None or stands(campaign, node):
        return node, next_fresh(done)
    if node.trials:
        # What is begun must be able to end: a promotion takes a few trials more.
        require_budget(campaign, claims, 1 + ESTIMATE)
    others = [trial.trial.replicate for trial in incumbent.trials]
    side, replicate = next_turn(done, others, task.is_timing)
    return (node if side == "candidate" else incumbent), replicate


def get_ready(campaign: Campaign) -> None:
    """Find out now what a first step would, so that forks of this process need not each."""
    campaign.runner.prepare()
    _count(campaign)


def run(campaign: Campaign, trials: int | None, hours: float | None) -> Iterator[Step]:
    """Step after step, until the task's budget or this run's own ends it."""
    with Housekeeper(campaign.lab.repo) as keeper:
        for found in _steps(campaign, trials, hours):
            keeper.look()
            yield found


def _steps(campaign: Campaign, trials: int | None, hours: float | None) -> Iterator[Step]:
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
