"""From an expansion to a node: desk → propose → guard → commit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...gitlab.desk.desk import Desk
from ...gitlab.errors import AiresearchError, Denied, RefMoved
from ...gitlab.names import node_branch
from ...gitlab.record.facts import Diff, Dollars, Operator
from ...gitlab.record.paths import CUT, FAILED, LARGEST_TRACE, REFUSED, RESULT, TRANSCRIPT
from ...gitlab.record.records import Propose, quoted
from ...gitlab.record.text import one_line, quote_path
from ...gitlab.record.unicode import undirected
from ...gitlab.store.change import Change, Check, compare, patch
from ...gitlab.store.trees import Oid, differences, edit, read
from ...gitlab.tree.search_tree import Node, SearchTree
from ...policies.access.guard import (
    GIT_ALONE,
    Policy,
    ProposerPolicy,
    less_transcript,
    no_change_policy,
    refusal_policy,
)
from ...policies.search.policies import Expansion
from ..operators.registry import OPERATORS
from ..proposers.base import Brief, History, Past, Proposal, ProposalFailed, Receipt
from ..proposers.replies import forget, proposal_of, receipt_of
from ..snapshot import Snapshot
from ..trials.program_id import program
from ..trunk.outside import is_inert

_NO_DIFF = Diff(0, 0, 0)
_LONGEST_LIST = 500
_REMEMBERED, _EXTREMES = 1000, 100
"""How many nodes a proposer is told of, and how many of them for the best and the worst scores."""


@dataclass(frozen=True)
class New:
    """A node that is to be."""

    id: int
    passed: tuple[int, ...]
    """Lower ids that other workers have taken, and have no node for yet."""
    expansion: Expansion


def propose_baseline(now: Snapshot, node: int) -> Node:
    """The trunk as it stands, as a node: proposed by nobody, measured like any other."""
    lab, base = now.lab, now.measured.base
    ground = lab.tree_of(base)
    # With what people changed since that is no part of the program.
    tree = lab.edited(ground, now.measured.carried(str(ground), base, now.in_force))
    record = Propose(
        agent=GIT_ALONE,
        subject="baseline, the trunk as it stands",
        node=node,
        operator=Operator.DRAFT,
        diff=_NO_DIFF,
        candidate=str(now.candidate(tree, now.rules)),
        program=program(lab, ground, tree, now.measured.is_counted),
        protocol=str(now.protocol),
        rules=now.rules,
    )
    tip = lab.commit(
        node_branch(record.node),
        record,
        tree,
        [base],
        check=no_change_policy(GIT_ALONE).check,
        new=True,
        before=tree,
    )
    return Node(tip, base, tip, record)


def propose(now: Snapshot, new: New) -> Node:
    """The new node; refused and failed proposals become nodes too.

    Raises ProposerUnavailable where the agent could not try, and nothing is recorded.
    """
    lab, parents = now.lab, new.expansion.parents
    operator = OPERATORS[new.expansion.operator]
    trees = [now.carried(parent) for parent in parents]
    before = trees[0]
    policy = _policy(now, new)
    desk = Desk(lab, before, policy.may_read, policy.may_write)
    try:
        desk = Desk(lab, operator.start(lab, parents, trees), policy.may_read, policy.may_write)
        if operator.ASSIGNMENT is None:
            proposal = Proposal(_of_two(new.expansion))
        else:
            brief = _brief(now, new, policy, operator.ASSIGNMENT)
            agent = now.agent_for(new.id)
            proposal = proposal_of(lab.home, agent.name, agent.proposer, desk, brief)
    except Denied as denied:
        said = Proposal(f"no proposal, {denied.what}")
        return _refused(now, new, said, Change((), _NO_DIFF), before, desk, denied)
    except AiresearchError:
        raise
    except Exception as error:  # a proposer is anybody's code: its failure is an outcome
        is_said = isinstance(error, ProposalFailed)
        what = str(error) if is_said else f"{type(error).__name__}: {error}"
        receipt = error.receipt if isinstance(error, ProposalFailed) else None
        proposal = Proposal(f"no proposal, {what}", receipt=receipt)
        told = what.encode("utf-8", "replace")
        told = told[:LARGEST_TRACE] + CUT if len(told) > LARGEST_TRACE else told + b"\n"
        tree = edit(lab.repo, before, {FAILED: told})
        check = refusal_policy(policy.agent).check
        return _commit(now, new, proposal, Change((), _NO_DIFF), before, tree, check)
    tree, left = _less_inert(now, before, desk.tree())
    proposal = replace(proposal, body=quoted(proposal.body + left))
    change = compare(lab.repo, before, tree)
    try:
        return _commit(now, new, proposal, change, before, tree, policy.check)
    except Denied as denied:
        return _refused(now, new, proposal, change, before, desk, denied)


def _of_two(expansion: Expansion) -> str:
    first, second = (parent.id for parent in expansion.parents)
    if expansion.operator is Operator.TRANSFER:
        return f"transfer node {second} to node {first}"
    return f"{expansion.operator} nodes {first} and {second}"


def _less_inert(now: Snapshot, before: Oid, tree: Oid) -> tuple[Oid, str]:
    """A proposed tree with what is inert as it was, and a sentence that names it."""
    if not now.task.is_split:
        return tree, ""
    repo = now.lab.repo
    inert = [d for d in differences(repo, before, tree) if is_inert(now.task, d.path)]
    names = one_line(", ".join(sorted(quote_path(one.path) for one in inert)), _LONGEST_LIST)
    said = f"\n\nLeft behind, since no trial sees it: {names}" if inert else ""
    return edit(repo, tree, {one.path: one.before for one in inert}), said


def _refused(
    now: Snapshot,
    new: New,
    proposal: Proposal,
    change: Change,
    before: Oid,
    desk: Desk,
    denied: Denied,
) -> Node:
    """The first parent's files, and the refused change beside them as a patch."""
    lab = now.lab
    reasons = undirected("\n".join(f"Refused: {reason}" for reason in denied.reasons))
    proposal = replace(proposal, body=f"{proposal.body}\n\n{reasons}")
    shown = patch(lab.repo, before, desk.shown_tree(), LARGEST_TRACE)
    tree = edit(lab.repo, before, {REFUSED: shown or b"(no change that may be shown)\n"})
    check = refusal_policy(_policy(now, new).agent).check
    return _commit(now, new, proposal, Change(change.paths, _NO_DIFF), before, tree, check)


def _policy(now: Snapshot, new: New) -> ProposerPolicy:
    """Of whoever makes the proposal: the agent whose turn it is, or git alone."""
    if OPERATORS[new.expansion.operator].ASSIGNMENT is None:
        return now.permits[GIT_ALONE]
    return now.permits[now.agent_for(new.id).name]


def _commit(
    now: Snapshot,
    new: New,
    proposal: Proposal,
    change: Change,
    before: Oid,
    tree: Oid,
    check: Check,
) -> Node:
    """The node with `tree`, and the transcript beside it; `change` is what is said of it.

    Raises RefMoved where people changed the rules meanwhile: then it is held against those.
    """
    _require_same_rules(now)
    lab, parents, author = now.lab, new.expansion.parents, _policy(now, new).agent
    receipt = proposal.receipt or receipt_of(lab.home, new.id, author) or Receipt()
    known = (receipt.model, receipt.tokens_in, receipt.tokens_out, receipt.cost_usd)
    transcript = None
    if receipt.transcript is not None:
        transcript = lab.blob(receipt.transcript.encode("utf-8", "replace"))
        tree = edit(lab.repo, tree, {TRANSCRIPT: transcript})
    record = Propose(
        agent=author,
        subject=undirected(proposal.subject),
        body=proposal.body,
        node=new.id,
        parent_node=tuple(parent.id for parent in parents),
        operator=new.expansion.operator,
        diff=change.diff,
        diff_path=change.listed,
        candidate=str(now.candidate(tree, now.rules)),
        program=program(lab, lab.tree_of(now.measured.base), tree, now.measured.is_counted),
        protocol=str(now.protocol),
        model=receipt.model,
        tokens_in=receipt.tokens_in,
        tokens_cached=receipt.tokens_cached,
        tokens_out=receipt.tokens_out,
        cost_usd=None if known == (None,) * 4 else Dollars(receipt.cost_usd),
        transcript=None if transcript is None else str(transcript.oid),
        rules=now.rules,
    )
    try:
        tip = lab.commit(
            node_branch(new.id),
            record,
            tree,
            [parent.tip for parent in parents],
            check=lambda change: check(less_transcript(change) if transcript else change),
            new=True,
            before=before,
        )
    except AiresearchError as error:
        lab.fetch()
        _require_same_rules(now, error)
        raise
    forget(lab.home, new.id)
    return Node(tip, parents[0].tip, tip, record)


def _require_same_rules(now: Snapshot, error: AiresearchError | None = None) -> None:
    """Raises RefMoved where people changed them meanwhile.

    Not where they changed what is measured: then what was paid for is recorded where it grew.
    """
    now.tree.refresh()
    if now.tree.rules != now.in_force and now.tree.base == now.measured.base:
        raise RefMoved("the rules changed while this was proposed") from error


def _brief(now: Snapshot, new: New, policy: Policy, assignment: str) -> Brief:
    tree, objective = now.tree, now.task.objective
    root = tree.root
    assert root is not None, "only a measured baseline is expanded"
    agent = now.agent_for(new.id)
    # Others may have made theirs meanwhile: those that were passed are counted once, by whose turn
    # they are.
    proposed = tree.proposed_by(agent.name, new.id, besides=new.passed)
    in_the_making = sum(now.agent_for(node) is agent for node in new.passed)
    return Brief(
        node=new.id,
        parents=tuple(parent.id for parent in new.expansion.parents),
        operator=new.expansion.operator,
        assignment=assignment,
        metric=objective.metric,
        goal=objective.goal,
        seed=now.draws(new.id).getrandbits(31),
        proposal_index=proposed + in_the_making,
        base=_past(now, root, policy, now.in_force),
        past=History(
            _remembered(tree, objective.metric, _telling_bases(now)),
            lambda node: _past(now, tree.nodes[node], policy, tree.nodes[node].proposed),
        ),
    )


def _telling_bases(now: Snapshot) -> Sequence[str]:
    """The bases whose nodes say something of this one's: measured the same way."""
    return [now.tree.base] if now.rules is None else now.tree.bases_like(str(now.protocol))


def _remembered(tree: SearchTree, metric: str, bases: Sequence[str]) -> Sequence[int]:
    """The nodes a proposer is told of: all, or the ends and the newest of a long history."""
    newest = tree.measured(_REMEMBERED + 1, bases, newest=True)
    if len(newest) <= _REMEMBERED:
        return newest
    first = tree.measured(1, bases, newest=False)
    ends = tree.extremes(metric, _EXTREMES, bases)
    return sorted({*first, *ends, *newest[2 * _EXTREMES + 1 - _REMEMBERED :]})


def _past(now: Snapshot, node: Node, policy: Policy, commit: str) -> Past:
    """A node as the proposer may know it, with the files of a commit.

    Files outside its policy raise Denied, as on the desk.
    """

    def files(path: str) -> bytes | None:
        decision = policy.may_read(path)
        if not decision.allowed:
            raise Denied(decision.reasons)
        # Not the candidate's own tree: where there is a bus no commit holds that, and gc takes it.
        return read(now.lab.repo, now.lab.tree_of(commit), path)

    # A trial's reason may quote its log, so it is for those who may read the result on the bus.
    reason = node.reason if policy.may_read(RESULT).allowed else ""
    is_older = now.rules is not None and now.tree.base_of(node.id) != now.tree.base
    return Past(node.id, str(node.status), now.value(node), files, reason, is_older)
