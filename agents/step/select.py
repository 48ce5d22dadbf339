"""A new node: its id, which no other worker takes, what it grows from, and whether it may."""

import time
from itertools import chain, count

from ...gitlab.errors import NothingToDo
from ...gitlab.record.facts import Operator, Status
from ...gitlab.tree.search_tree import Node, SearchTree
from ...policies.budget import why_stop
from ...policies.search.policies import POLICIES, Aim, Expansion
from ..campaign import Campaign
from ..executors.local.process import listening
from ..proposers.replies import recall
from .claim import Busy, Claims
from .propose import New, propose, propose_baseline

_MOST_WORKERS = 1000
_LATELY = 1000
"""How far below the newest node an id is looked for that a killed worker left."""
_PAUSE, _FAR_PAUSE = 0.05, 2.0
"""Seconds between looks for work, where others are at all there is; the second at a remote."""


def pause(campaign: Campaign) -> None:
    """Wait a moment for other workers; Ctrl-C ends it."""
    with listening():
        time.sleep(_PAUSE if campaign.lab.wire is None else _FAR_PAUSE)


def require_budget(campaign: Campaign, claims: Claims, more: int) -> None:
    """Raises NothingToDo where `more` trials are too many, Busy where others' may make them so."""
    if not _fits(campaign, claims, more, None):
        raise Busy


def grow(campaign: Campaign, claims: Claims) -> Node:
    """The new node, proposed and not measured yet; it is ours. Raises NothingToDo, Busy."""
    tree = campaign.tree
    if tree.root is None:
        # Nobody goes on before there is a baseline, and there is to be one only.
        if not claims.take_new(tree.next_id):
            raise Busy
        return _known(campaign, claims, propose_baseline(campaign, tree.next_id))
    if tree.root.verdict is None:
        raise Busy
    node_id, passed = _take_id(campaign, claims, tree.root.id)
    new = New(node_id, passed, _select(campaign, node_id))
    return _known(campaign, claims, propose(campaign, new))


def _known(campaign: Campaign, claims: Claims, node: Node) -> Node:
    campaign.know(node)
    claims.born()
    return node


def _take_id(campaign: Campaign, claims: Claims, root: int) -> tuple[int, tuple[int, ...]]:
    """The next id, once the budget has room for its trial, and the lower ones without a node.

    Raises Busy where a person changed the trunk meanwhile.
    """
    tree = campaign.tree
    # First the ids that a worker had taken and left without a node.
    unused = tuple(tree.nodes.unused(max(tree.next_id - _LATELY, root + 1), tree.next_id))
    left = sorted(claims.begun().intersection(unused)) if unused else []
    passed: list[int] = []
    for node_id in chain(left, count(tree.next_id)):
        if claims.take_new(node_id):
            break
        passed.append(node_id)
    if node_id in left:
        require_budget(campaign, claims, 1)
    else:
        # Who gave a new id back might leave a gap below the nodes of those who came later. So it
        # is held until there is room, and to wait for each other is for those with higher ids.
        while not _fits(campaign, claims, 1, node_id):
            pause(campaign)
    if tree.root is None or tree.root.verdict is None:
        raise Busy
    return node_id, tuple(node for node in passed if node not in tree.nodes)


def _fits(campaign: Campaign, claims: Claims, more: int, new: int | None) -> bool:
    """Whether the budget has room for `more` trials and one of each other worker.

    Who takes the `new` id does not count those who took a higher one: they count it. Raises
    NothingToDo where there is no room whatever the others do.
    """
    task, tree = campaign.task, campaign.tree
    reason = why_stop(task, tree, more)
    if reason:
        raise NothingToDo(reason)
    # To count the others takes a look at every lease, and is due near the end of a budget only.
    if not why_stop(task, tree, more + _MOST_WORKERS):
        return True
    others = claims.others()
    campaign.refresh()  # after the count: what ended in between is in one of the two, or in both
    if new is not None:
        others = frozenset(node for node in others if node < new or node in tree.nodes)
    return not why_stop(campaign.task, tree, more + len(others))


def _select(campaign: Campaign, new: int) -> Expansion:
    """What to expand."""
    tree, task = campaign.tree, campaign.task
    reply = recall(campaign.lab.home, new)
    if reply is not None and reply.parent in tree.rooted:
        return Expansion(tree.nodes[reply.parent], reply.operator)
    repairs = campaign.agent_for(new).proposer.repairs
    aim = Aim(task.objective.metric, task.objective.goal, repairs)
    chosen = POLICIES[task.search.policy](tree, aim, campaign.draws(new))
    return _from_before(tree, chosen, new)


def _from_before(tree: SearchTree, chosen: Expansion, new: int) -> Expansion:
    """The same, or from an ancestor: an id that was left over takes no parent with a later one."""
    parent = chosen.parent
    while parent.id > new:
        parent = tree.nodes[parent.parents[0]]
    if parent is chosen.parent:
        return chosen
    return Expansion(parent, Operator.IMPROVE if parent.status is Status.OK else Operator.DEBUG)
