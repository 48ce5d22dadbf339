"""What a new node grows from, and by which operator."""

from contextlib import suppress

from ...gitlab.record.facts import Operator, Status
from ...policies.search.policies import POLICIES, Aim, Expansion
from ...policies.search.transfer import leading
from ..operators import transfer
from ..proposers.base import ProposalFailed
from ..proposers.replies import recall
from ..snapshot import Snapshot
from .claim import Work
from .propose import New


def select(now: Snapshot, work: Work) -> New:
    """What the new node grows from: what a reply that is there was asked for, if one is.

    Else what was ahead on an earlier base, if it can be carried over.
    """
    expansion = _transfer(now) if recall(now.lab.home, work.id) is None else None
    return New(work.id, work.passed, expansion or _expansion(now, work.id))


def _transfer(now: Snapshot) -> Expansion | None:
    """The next contender of an earlier base, where git alone can carry it over."""
    root = now.tree.root
    if root is None or now.rules is None:
        return None
    for node in leading(now.tree.contenders(), now.task.objective):
        if node.id in now.passed_by:
            continue
        parents = root, node
        with suppress(ProposalFailed):
            if not now.lab.is_on_trunk(node.proposed):
                transfer.start(now.lab, parents, [now.carried(parent) for parent in parents])
                return Expansion(parents, Operator.TRANSFER)
        now.passed_by.add(node.id)
    return None


def _expansion(now: Snapshot, node_id: int) -> Expansion:
    tree, task = now.tree, now.task
    reply = recall(now.lab.home, node_id)
    if reply is not None and all(parent in tree.rooted for parent in reply.parents):
        return Expansion(tuple(tree.nodes[parent] for parent in reply.parents), reply.operator)
    can_debug = Operator.DEBUG in now.agent_for(node_id).proposer.operators
    aim = Aim(task.objective.metric, task.objective.goal, can_debug)
    chosen = POLICIES[task.search.policy](tree, aim, now.draws(node_id))
    if all(parent.id < node_id for parent in chosen.parents):
        return chosen
    # An id that was left over takes no parent with a later one.
    parent = chosen.parents[0]
    while parent.id > node_id:
        parent = tree.nodes[parent.parents[0]]
    return Expansion((parent,), Operator.IMPROVE if parent.status is Status.OK else Operator.DEBUG)
