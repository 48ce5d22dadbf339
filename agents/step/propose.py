"""From an expansion to a node: desk → propose → guard → commit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from ...gitlab.desk.desk import Desk
from ...gitlab.errors import AiresearchError, Denied
from ...gitlab.record.facts import Diff, Operator
from ...gitlab.record.paths import FAILED, REFUSED, RESULT
from ...gitlab.record.records import Propose
from ...gitlab.store.change import Check, compare, patch
from ...gitlab.store.refs import node_branch
from ...gitlab.store.trees import Oid, edit, read
from ...gitlab.tree.search_tree import Node, SearchTree
from ...policies.access.guard import Policy, no_change_policy, refusal_policy
from ...policies.search.policies import Expansion
from ..proposers.base import Brief, History, Past, Proposal
from ..proposers.registry import Agent
from ..proposers.replies import forget
from ..snapshot import Snapshot as Campaign
from ..trials.program_id import program

_PATCH_LIMIT = 1 << 16
_NO_DIFF = Diff(0, 0, 0)
_REMEMBERED, _EXTREMES = 1000, 100
"""How many nodes a proposer is told of, and how many of them for the best and the worst scores."""


@dataclass(frozen=True)
class New:
    """A node that is to be."""

    id: int
    passed: tuple[int, ...]
    """Lower ids that other workers have taken, and have no node for yet."""
    expansion: Expansion


def propose_baseline(campaign: Campaign, node: int) -> Node:
    """The trunk as it stands, as a node: proposed by nobody, measured like any other."""
    lab, base = campaign.lab, campaign.tree.base
    tree = lab.tree_of(base)
    record = Propose(
        agent="airesearch",
        subject="baseline, the trunk as it stands",
        node=node,
        operator=Operator.DRAFT,
        diff=_NO_DIFF,
        candidate=str(lab.candidate(tree)),
        program=program(lab, tree, tree),
        protocol=str(campaign.protocol),
    )
    tip = lab.commit(
        node_branch(record.node),
        record,
        tree,
        [base],
        check=no_change_policy("airesearch").check,
        new=True,
    )
    return Node(tip, base, tip, record)


def propose(campaign: Campaign, new: New) -> Node:
    """The new node; refused and failed proposals become nodes too."""
    lab, parent = campaign.lab, new.expansion.parent
    agent = campaign.agent_for(new.id)
    policy = campaign.permits[agent.name]
    before = lab.tree_of(parent.tip)
    desk = Desk(lab, before, policy.may_read, policy.may_write)
    try:
        proposal = agent.proposer.propose(desk, _brief(campaign, new, agent, policy))
    except Denied as denied:
        proposal = Proposal(f"no proposal, {denied.what}")
        record = _record(campaign, new, agent, proposal, before, before)
        return _refused(campaign, parent, record, desk, denied)
    except AiresearchError:
        raise
    except Exception as error:  # a proposer is anybody's code: its failure is an outcome
        return _failed(campaign, new, agent, error)
    tree = desk.tree()
    record = _record(campaign, new, agent, proposal, before, tree)
    try:
        return _commit(campaign, parent, record, tree, policy.check)
    except Denied as denied:
        return _refused(campaign, parent, record, desk, denied)


def _refused(campaign: Campaign, parent: Node, record: Propose, desk: Desk, denied: Denied) -> Node:
    """The parent's files, and the refused change beside them as a patch."""
    lab = campaign.lab
    before = lab.tree_of(parent.tip)
    text = patch(lab.repo, before, desk.shown_tree(), _PATCH_LIMIT)
    tree = edit(lab.repo, before, {REFUSED: text or b"(no change that may be shown)\n"})
    refused = replace(
        record,
        body="\n".join([record.body, "", *(f"Refused: {reason}" for reason in denied.reasons)]),
        diff=_NO_DIFF,
        candidate=parent.propose.candidate,
        program=program(lab, lab.tree_of(campaign.tree.base), before),
    )
    return _commit(campaign, parent, refused, tree, refusal_policy(record.agent).check)


def _failed(campaign: Campaign, new: New, agent: Agent, error: Exception) -> Node:
    parent = new.expansion.parent
    before = campaign.lab.tree_of(parent.tip)
    what = f"{type(error).__name__}: {error}"
    proposal = Proposal(f"no proposal, {what}")
    record = _record(campaign, new, agent, proposal, before, before)
    tree = edit(campaign.lab.repo, before, {FAILED: what.encode("utf-8", "replace") + b"\n"})
    return _commit(campaign, parent, record, tree, refusal_policy(agent.name).check)


def _commit(campaign: Campaign, parent: Node, record: Propose, tree: Oid, check: Check) -> Node:
    branch = node_branch(record.node)
    tip = campaign.lab.commit(branch, record, tree, [parent.tip], check=check, new=True)
    forget(campaign.lab.home, record.node)
    return Node(tip, parent.tip, tip, record)


def _record(
    campaign: Campaign, new: New, agent: Agent, proposal: Proposal, before: Oid, after: Oid
) -> Propose:
    lab = campaign.lab
    change = compare(lab.repo, before, after)
    return Propose(
        agent=agent.name,
        subject=proposal.subject,
        body=proposal.body,
        node=new.id,
        parent_node=(new.expansion.parent.id,),
        operator=new.expansion.operator,
        diff=change.diff,
        diff_path=change.listed,
        candidate=str(lab.candidate(after)),
        program=program(lab, lab.tree_of(campaign.tree.base), after),
        protocol=str(campaign.protocol),
    )


def _brief(campaign: Campaign, new: New, agent: Agent, policy: Policy) -> Brief:
    tree, objective = campaign.tree, campaign.task.objective
    root = tree.root
    assert root is not None, "only a measured baseline is expanded"
    return Brief(
        node=new.id,
        parent=new.expansion.parent.id,
        operator=new.expansion.operator,
        metric=objective.metric,
        goal=objective.goal,
        seed=campaign.draws(new.id).getrandbits(31),
        turn=_turn(campaign, new, agent),
        base=_past(campaign, root, policy),
        past=History(
            _remembered(tree, objective.metric),
            lambda node: _past(campaign, tree.nodes[node], policy),
        ),
    )


def _turn(campaign: Campaign, new: New, agent: Agent) -> int:
    """How many nodes before this one are the agent's, those that others are still at too."""
    by_name = campaign.tree.ordered(by_agent)
    proposed = by_name.below(agent.name, new.id) - by_name.below(agent.name)
    return proposed + sum(campaign.agent_for(node) is agent for node in new.passed)


def by_agent(tree: SearchTree, node: Node) -> tuple[str] | None:
    """Orders the nodes of this base by who proposed them."""
    return (node.propose.agent,) if node.id in tree.rooted else None


def _remembered(tree: SearchTree, metric: str) -> Sequence[int]:
    """The nodes a proposer is told of: all, or the ends and the newest of a long history."""
    measured = tree.ordered(tried)
    if len(measured) <= _REMEMBERED:
        return measured[:]
    scored = tree.ordered(Scored(metric))
    ends = (*scored[:_EXTREMES], *scored[-_EXTREMES:])
    newest = measured[2 * _EXTREMES + 1 - _REMEMBERED :]
    return sorted({measured[0], *ends, *newest})


def tried(tree: SearchTree, node: Node) -> tuple[()] | None:
    """Picks the measured nodes of this base."""
    return () if node.trials and node.id in tree.rooted else None


@dataclass(frozen=True)
class Scored:
    """Orders the measured nodes by their score."""

    metric: str

    def __call__(self, tree: SearchTree, node: Node) -> tuple[float] | None:
        value = node.value(self.metric) if node.id in tree.rooted else None
        return None if value is None else (value,)


def _past(campaign: Campaign, node: Node, policy: Policy) -> Past:
    """A node as the proposer may know it: files outside its policy raise Denied, as on the desk."""
    files = partial(_look, campaign, node, policy)
    # A trial's reason may quote its log, so it is for those who may read the result on the bus.
    reason = node.reason if policy.may_read(RESULT).allowed else ""
    return Past(node.id, str(node.status), campaign.value(node), files, reason)


def _look(campaign: Campaign, node: Node, policy: Policy, path: str) -> bytes | None:
    decision = policy.may_read(path)
    if not decision.allowed:
        raise Denied(decision.reasons)
    # Not the candidate's own tree: where there is a bus no commit holds that, and gc takes it.
    return read(campaign.lab.repo, campaign.lab.tree_of(node.proposed), path)
