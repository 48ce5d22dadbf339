"""What a step is to do: the next trial that no other worker is at, and the id of a new node."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count

from ...gitlab.errors import AiresearchError, NothingToDo
from ...gitlab.record.facts import Purpose, Status, Verdict
from ...gitlab.tree.search_tree import Node
from ...policies.allocation.standing import Next
from ...policies.budget import why_stop
from ...policies.promotion.replication import ESTIMATE, next_fresh, next_of_plan, next_turn
from ..campaign import Campaign
from ..executors.local.process import listening
from ..snapshot import Snapshot
from .allocate import begin_to_confirm, next_trial, reserved, trials_left
from .judge import judge_and_promote, verdict_is_current
from .leases import Busy, Leases
from .propose import propose_baseline
from .rejudge import rejudge

_MOST_WORKERS = 1000
_LATELY = 1000
"""How far below the newest node an id is looked for that a killed worker left."""
_PAUSE, _REMOTE_PAUSE = 0.05, 2.0
"""Seconds between looks for work, where others are at all there is; the second at a remote."""


@dataclass(frozen=True)
class Work:
    """One trial to run, for the sake of the node `id`."""

    now: Snapshot
    id: int
    node: Node | None
    """None where it is to be proposed first."""
    passed: tuple[int, ...]
    """Lower ids that other workers have taken, and have no node for yet."""
    incumbent: Node | None
    """Who runs the trial, where the incumbent's side is due; else the node does."""
    replicate: int

    @property
    def is_rivals(self) -> bool:
        """Whether the incumbent runs it for the sake of the node."""
        return self.incumbent is not None


@contextmanager
def claim(campaign: Campaign, again: int | None = None) -> Iterator[Work]:
    """The next trial, or one more of the node `again`; its nodes are ours while this is open.

    Waits where other workers are at all that can be done. Raises NothingToDo.
    """
    while True:
        rejudge(campaign)
        try:
            with Leases(campaign.lab) as leases:
                if again is not None:
                    yield _further_trial(campaign, leases, again)
                else:
                    yield _begun(campaign, leases) or _new(campaign, leases)
                return
        except Busy:
            pause(campaign)


def pause(campaign: Campaign) -> None:
    """Wait a moment for other workers; Ctrl-C ends it."""
    with listening():
        time.sleep(_PAUSE if campaign.lab.wire is None else _REMOTE_PAUSE)


def _begun(campaign: Campaign, leases: Leases) -> Work | None:
    """The next trial of the oldest node that waits for one, and that no other worker is at.

    What an ended worker measured is judged and promoted on the way: that needs no trial.
    """
    for begun in campaign.look().tree.waiting():
        if not leases.take(begun.id):
            continue
        node, _ = judge_and_promote(campaign, begun.id)
        now = campaign.now
        if not now.tree.is_waiting(node):
            continue
        incumbent, done = now.tree.incumbent, [trial.trial.replicate for trial in node.trials]
        if incumbent is None or verdict_is_current(now, node):
            return Work(now, node.id, node, (), None, next_fresh(done))
        if node.trials:
            # What is begun must be able to end: a promotion takes a few trials more.
            require_budget(campaign, leases, 1 + ESTIMATE)
        others = [trial.trial.replicate for trial in incumbent.trials]
        if node.plan is not None:
            fresh = len(incumbent.fresh)
            side, replicate = next_of_plan(node.plan, done, others, fresh, now.task.is_timing)
        elif now.standard.staged:
            side, replicate = "candidate", next_fresh(done)
        else:
            side, replicate = next_turn(done, others, now.task.is_timing)
        if side == "candidate":
            return Work(now, node.id, node, (), None, replicate)
        if leases.take(incumbent.id):
            return Work(now, node.id, node, (), incumbent, replicate)
    return None


def _new(campaign: Campaign, leases: Leases) -> Work:
    """A new node's first trial. Raises NothingToDo, Busy."""
    now = campaign.now
    root = now.tree.root
    if root is None:
        # Nobody goes on before there is a baseline, and there is to be one only.
        node_id = now.tree.next_id
        if not leases.take(node_id):
            raise Busy
        return Work(now, node_id, propose_baseline(now, node_id), (), None, 1)
    if root.verdict is None:
        raise Busy
    if now.standard.staged:
        planned = next_trial(campaign)
        if planned.node is not None and leases.take(planned.node):
            return _on_record(campaign, leases, planned, root.id)
        _keep_reserve(campaign)
    node_id, passed = _take_id(campaign, leases, root.id)
    now = campaign.now
    root = now.tree.root
    if root is None or root.verdict is None:
        raise Busy  # a person changed the trunk meanwhile
    incumbent = now.tree.incumbent
    others = [] if incumbent is None else [trial.trial.replicate for trial in incumbent.trials]
    # The incumbent's side of a pair follows the candidate's, which says first that it runs at all.
    _, replicate = next_turn([], others, now.task.is_timing)
    return Work(now, node_id, None, passed, None, 1 if now.standard.staged else replicate)


def _on_record(campaign: Campaign, leases: Leases, planned: Next, root: int) -> Work:
    """A race's trial. Raises Busy once the plan of a node is on record: it waits for its trials."""
    assert planned.node is not None, "a new node is planned by nobody"
    now = campaign.look()
    if next_trial(campaign) != planned:
        raise Busy  # another worker was first
    node = now.tree.nodes[planned.node]
    require_budget(campaign, leases, 1)
    if planned.purpose is Purpose.RACE:
        done = [trial.trial.replicate for trial in node.trials]
        return Work(now, node.id, node, (), None, next_fresh(done))
    # One at a time takes a place in the error budget: whoever holds the baseline's lease.
    if leases.take(root):
        now = campaign.look()
        if next_trial(campaign) == planned:
            begin_to_confirm(now, node, planned.most)
    raise Busy


def _keep_reserve(campaign: Campaign) -> None:
    """Raises Busy where what is left is spoken for by a node that is being confirmed."""
    now = campaign.now
    left, held = trials_left(now.tree, now.task, campaign.left), reserved(now.tree)
    if left is not None and held and 0 < left <= held:
        raise Busy


def _further_trial(campaign: Campaign, leases: Leases, node_id: int) -> Work:
    """One more trial of a node, on its next seed."""
    now = campaign.look()
    if not leases.take(node_id):
        raise Busy
    node = now.tree.get(node_id)
    if node_id not in now.tree.rooted:
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
    require_budget(campaign, leases, 1)
    done = [trial.trial.replicate for trial in node.trials]
    if node.verdict is Verdict.KEEP:
        replicate = next_fresh(done)
    else:
        _, replicate = next_turn(done, done, now.task.is_timing)
    return Work(campaign.now, node_id, node, (), None, replicate)


def _take_id(campaign: Campaign, leases: Leases, root: int) -> tuple[int, tuple[int, ...]]:
    """The next id, once the budget has room for its trial, and the lower ones without a node."""
    tree = campaign.now.tree
    # First the ids that a worker had taken and left without a node.
    next_id = tree.next_id
    unused = tree.nodes.unused(max(next_id - _LATELY, root + 1), next_id)
    left = sorted(leases.taken().intersection(unused)) if unused else []
    passed: list[int] = []
    for node_id in chain(left, count(next_id)):
        if leases.take(node_id):
            break
        passed.append(node_id)
    # Who gave an id back might leave a gap below the nodes of those who came later. So it is held
    # until there is room, and to wait for each other is for those with higher ids.
    while not _fits(campaign, leases, 1, node_id, passed):
        pause(campaign)
    return node_id, tuple(node for node in passed if node not in tree.nodes)


def require_budget(campaign: Campaign, leases: Leases, more: int) -> None:
    """Raises NothingToDo where `more` trials are too many, Busy where others' may make them so."""
    if not _fits(campaign, leases, more):
        raise Busy


def _fits(
    campaign: Campaign,
    leases: Leases,
    more: int,
    new_id: int | None = None,
    passed: Collection[int] = (),
) -> bool:
    """Whether the budget has room for `more` trials and one of each other worker.

    Who is about to propose `new_id` leaves out those who took higher ids: they wait for it. Raises
    NothingToDo where there is no room whatever the others do, and Busy where what is begun comes
    first: a node nobody is at by now, or one of the lower ids that were `passed`.
    """
    now = campaign.now
    if reason := why_stop(now.task, now.tree, more):
        raise NothingToDo(reason)
    # To count the others takes a look at every lease, and is due near the end of a budget only.
    if not why_stop(now.task, now.tree, more + _MOST_WORKERS):
        return True
    others = leases.others()
    now = campaign.look()  # after the count: what ended in between is in one of the two, or in both
    if new_id is not None:
        others = frozenset(node for node in others if node < new_id or node in now.tree.nodes)
        # A worker that is only just dying left what nobody could take a moment ago.
        begun = {node.id for node in now.tree.waiting()}
        begun.update(node for node in passed if node not in now.tree.nodes)
        left = len(begun.difference(others))
        if left and why_stop(now.task, now.tree, more + len(others) + left):
            raise Busy
    return not why_stop(now.task, now.tree, more + len(others))
