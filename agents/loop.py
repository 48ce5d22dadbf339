"""The loop: a step is one trial, a run is steps until nothing is left to do."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from typing import TypeVar

from ..gitlab.errors import AiresearchError, NothingToDo, RefMoved
from ..gitlab.facts import Operator, Status, Trial, Verdict
from ..gitlab.housekeeping import Housekeeper
from ..gitlab.records import Action
from ..gitlab.tree import Node, SearchTree
from ..policies.budget import seconds_of, trials_of, why_stop
from ..policies.ledger import spender
from ..policies.noise import Freedom, Squares
from ..policies.replication import ESTIMATE, next_fresh, next_turn
from ..policies.search import POLICIES, Aim, Expansion, Rank, failed_leaf
from .campaign import Campaign
from .claims import Claims
from .judge import is_estimated, judge, promote, rule
from .measure import by_candidate, by_program, measure
from .process import finishing, listening
from .propose import Scored, by_agent, propose, propose_baseline, tried
from .replies import recall

_T = TypeVar("_T")
_RACES = 100
_MOST_WORKERS = 1000
_LATELY = 1000
"""How far below the newest node an id is looked for that a killed worker left."""
_PAUSE, _FAR_PAUSE = 0.05, 2.0
"""Seconds between looks for work, where others are at all there is; the second at a remote."""
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


class _Busy(Exception):
    """Other workers are at all that can be done now."""


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
            with suppress(_Busy), Claims(campaign.lab) as claims:
                node, trial = _despite_others(partial(measure_one, campaign, claims))
                promoted = _despite_others(partial(_conclude, campaign, node))
                break
            with listening():
                time.sleep(_PAUSE if campaign.lab.wire is None else _FAR_PAUSE)
    return Step(campaign.tree.nodes[node], trial, promoted, time.monotonic() - start)


def _measure_again(campaign: Campaign, claims: Claims, node_id: int) -> tuple[int, Trial]:
    campaign.refresh()
    if not claims.take(node_id):
        raise _Busy
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
    _require_budget(campaign, claims, 1)
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
    for waiting in _waiting(campaign):
        if not claims.take(waiting.id):
            continue
        _conclude(campaign, waiting.id)
        node = campaign.tree.nodes[waiting.id]
        if not _is_waiting(campaign.tree, node):
            continue
        runs, replicate = _turn(campaign, claims, node)
        if claims.take(runs.id):
            return _Turn(node.id, runs, replicate)
    return None


def _new(campaign: Campaign, claims: Claims) -> _Turn:
    """A new node's first trial."""
    tree = campaign.tree
    if tree.root is None:
        # Nobody goes on before there is a baseline, and there is to be one only.
        if not claims.take(tree.next_id):
            raise _Busy
    elif tree.root.verdict is None:
        raise _Busy
    # First the ids that a worker had taken and left without a node.
    start = 0 if tree.root is None else tree.root.id
    left = tuple(tree.nodes.unused(max(tree.next_id - _LATELY, start + 1), tree.next_id))
    left = tuple(sorted(claims.begun().intersection(left))) if left else ()
    passed: list[int] = []
    for node_id in chain(left, count(tree.next_id)):
        if claims.take(node_id):
            break
        passed.append(node_id)
    campaign.claimed_id, campaign.passed_ids = node_id, tuple(passed)
    try:
        node = _grow(campaign, _select(campaign, claims))
    finally:
        campaign.claimed_id, campaign.passed_ids = None, ()
    campaign.know(node)
    runs, replicate = _turn(campaign, claims, node)
    return _Turn(node.id, runs, replicate)


def _conclude(campaign: Campaign, node_id: int) -> bool:
    """judge → promote, as far as the trials allow; whether this promoted the node."""
    campaign.refresh()
    node = campaign.tree.nodes[node_id]
    if not _is_waiting(campaign.tree, node) or not node.trials:
        return False
    if not _stands(campaign, node):
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


def _count(campaign: Campaign) -> None:
    """What steps ask of all nodes, counted at once: in a large lab each takes a while by itself."""
    metric, goal = campaign.task.objective.metric, campaign.task.objective.goal
    campaign.tree.count(
        (
            _open,
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


def _waiting(campaign: Campaign) -> list[Node]:
    """The nodes that want a trial or a verdict, oldest first."""
    tree = campaign.tree
    return [tree.nodes[node] for node in tree.ordered(_open)]


def _is_waiting(tree: SearchTree, node: Node) -> bool:
    # A person's commit may have come in the middle: what grew before it is not promoted over it.
    if node.id not in tree.rooted:
        return False
    is_kept = node.verdict is Verdict.KEEP and node.id not in tree.promoted
    return is_kept or node.action is not Action.JUDGE


def _open(tree: SearchTree, node: Node) -> tuple[()] | None:
    return () if _is_waiting(tree, node) else None


def _stands(campaign: Campaign, node: Node) -> bool:
    """Whether a kept node was judged against the incumbent that trunk has now."""
    incumbent = campaign.tree.incumbent
    now = None if incumbent is None else incumbent.id
    if node.judged is None or node.verdict is not Verdict.KEEP or node.judged.incumbent != now:
        return False
    # A winner that fails on a fresh seed is judged again, and fails.
    return all(trial.status is Status.OK for trial in node.trials)


def _turn(campaign: Campaign, claims: Claims, node: Node) -> tuple[Node, int]:
    """Who runs which replicate, to learn about `node`. Raises NothingToDo."""
    incumbent, task = campaign.tree.incumbent, campaign.task
    done = [trial.trial.replicate for trial in node.trials]
    if incumbent is None or _stands(campaign, node):
        return node, next_fresh(done)
    if node.trials:
        # What is begun must be able to end: a promotion takes a few trials more.
        _require_budget(campaign, claims, 1 + ESTIMATE)
    others = [trial.trial.replicate for trial in incumbent.trials]
    side, replicate = next_turn(done, others, task.is_timing)
    return (node if side == "candidate" else incumbent), replicate


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


def _select(campaign: Campaign, claims: Claims) -> Expansion | None:
    """What to expand; None for a baseline, which every new base of the trunk needs first."""
    tree, task = campaign.tree, campaign.task
    if tree.root is None:
        return None
    _require_budget(campaign, claims, 1)
    reply = recall(campaign.lab.home, campaign.new_id)
    if reply is not None and reply.parent in tree.rooted:
        return Expansion(tree.nodes[reply.parent], reply.operator)
    repairs = campaign.agent_for(campaign.new_id).proposer.repairs
    aim = Aim(task.objective.metric, task.objective.goal, repairs)
    chosen = POLICIES[task.search.policy](tree, aim, campaign.draws(campaign.new_id))
    return _from_before(tree, chosen, campaign.new_id)


def _from_before(tree: SearchTree, chosen: Expansion, node: int) -> Expansion:
    """The same, or from an ancestor: an id that was left over takes no parent with a later one."""
    parent = chosen.parent
    while parent.id > node:
        parent = tree.nodes[parent.parents[0]]
    if parent is chosen.parent:
        return chosen
    return Expansion(parent, Operator.IMPROVE if parent.status is Status.OK else Operator.DEBUG)


def _require_budget(campaign: Campaign, claims: Claims, more: int) -> None:
    """Raises NothingToDo where `more` trials are too many, _Busy where others' may make them so."""
    task, tree = campaign.task, campaign.tree
    reason = why_stop(task, tree, more)
    if reason:
        raise NothingToDo(reason)
    # To count the others takes a look at every lease, and is due near the end of a budget only.
    if not why_stop(task, tree, more + _MOST_WORKERS):
        return
    others = claims.others()
    campaign.refresh()  # after the count: what ended in between is in one of the two, or in both
    if why_stop(task, campaign.tree, more + others):
        raise _Busy


def _grow(campaign: Campaign, expansion: Expansion | None) -> Node:
    if expansion is None:
        return propose_baseline(campaign)
    return propose(campaign, expansion)
