"""What a push to a shared lab may do; every reason against it, ref by ref and commit by commit.

It is judged by the audit of the lab as it would be after the push, held to the claims of the
commits that come, and by what only a push has: names of refs, rewriting, who pushes.
"""

import shlex
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property

from ....gitlab.errors import AiresearchError
from ....gitlab.hooks.push_view import PushView, Update
from ....gitlab.lab.lab import Lab
from ....gitlab.names import LEASES, NODE_ID, like_a_labs, mistakable, node_branch, node_of
from ....gitlab.reader.trees import find
from ....gitlab.reader.values import EMPTY, Unsound
from ....gitlab.record.parents import compared_parent
from ....gitlab.record.paths import TASK_FILE
from ..claims import node_claims
from ..context import AuditContext
from ..node_history import (
    Claims,
    NodeHistory,
    Nodes,
    Promotion,
    Trunk,
    agent_fault,
    read_record,
    read_trunk,
)
from ..promotions import promotion_claims
from ..rules import require_runnable
from ..times import future_faults
from .rights import Rights

_LARGEST_LEASE = 4096


def read_update(line: str) -> Update:
    """One line that git gives the hook: `old new ref`, forty zeros for a ref that is not there."""
    old, new, ref = line.split(" ", 2)
    return Update(old if old.strip("0") else None, new if new.strip("0") else None, ref)


def push_faults(lab: Lab, updates: tuple[Update, ...], rights: Rights) -> tuple[str, ...]:
    """Every reason against a push, each with its ref and commit; none where it may pass."""
    view = PushView(lab, updates)
    wrong = tuple(
        f"{update.ref} would hold no commit, but {update.new[:10]}"
        for update in updates
        if update.new and not update.ref.startswith(f"{LEASES}/") and not view.is_commit(update.new)
    )
    if wrong:
        return wrong
    push = Push(view, updates, rights)
    faults = tuple(f"{update.ref} {why}" for update in updates for why in push.faults(update))
    return (*_without_trunk(view, updates), *faults) if faults and not view.trunk_tip else faults


def _without_trunk(view: PushView, updates: tuple[Update, ...]) -> Iterator[str]:
    """What is wrong with a lab whose trunk is nowhere, from which all else follows."""
    for name in (update.ref.removeprefix("refs/heads/") for update in updates):
        if not name.startswith("refs/") and node_of(name) is None:
            told = (
                f"refs/heads/{name} is not the trunk of this lab: {view.trunk} is, and is not here"
            )
            ref = shlex.quote(f"refs/heads/{name}")
            yield f"{told}; on its host: git symbolic-ref HEAD {ref}"


class Push:
    """A push under judgement. Whatever is asked of the lab is read when it is asked."""

    def __init__(self, view: PushView, updates: tuple[Update, ...], rights: Rights) -> None:
        self._view = view
        self._updates = updates
        self._rights = rights
        self._now = time.time()

    @cached_property
    def context(self) -> AuditContext:
        """The lab after the push, as the audit sees it."""
        objects = self._view.objects
        tips = {node: {node_branch(node): tip} for node, tip in self._view.node_tips.items()}
        trunk = read_trunk(objects, self._view.trunk_tip, is_strict=True)
        promotions = {promotion.commit.id for promotion in trunk.all}
        old = (oid for oid in self._old_line_of(trunk) if oid not in promotions)
        return AuditContext(objects, trunk, Nodes(objects, tips), next(old, None))

    def faults(self, update: Update) -> Iterator[str]:
        """Every reason against one update."""
        kind, _, name = update.ref.removeprefix("refs/").partition("/")
        trunk = self._view.trunk
        if update.ref.startswith(f"{LEASES}/"):
            yield from self.lease_faults(update)
        elif kind not in ("heads", "tags"):
            yield "is not pushed here: only branches, tags and leases are"
        elif update.ref == f"refs/heads/{trunk}":
            yield from self.trunk_faults(update)
        elif update.ref.startswith("refs/heads/node/"):
            yield from self.node_faults(update)
        elif why := like_a_labs(name, trunk):
            yield why
        elif not self._rights.people:
            yield "is people's, and people push nothing here (airesearch.people is none)"
        elif why := mistakable(name, trunk):
            yield from () if update.new is None else (why,)  # one that is there may go
        elif kind == "tags" and update.old is not None:
            yield "is a tag that is there already, and tags stay as they are"
        else:
            yield from self.side_faults(update)

    def lease_faults(self, update: Update) -> Iterator[str]:
        """A lease is set or taken away; it is no history."""
        if not NODE_ID.fullmatch(update.ref.removeprefix(f"{LEASES}/")):
            yield f"is no lease's name: those are {LEASES}/000042"
        elif update.new and not 0 <= self._view.blob_size(update.new) <= _LARGEST_LEASE:
            yield f"would hold no lease: that is a blob of at most {_LARGEST_LEASE} bytes"
        if self._rights.agents is not None and not self._rights.agents:
            yield f"is a worker's, and {self._rights.pusher} may push no agent's commits"

    def node_faults(self, update: Update) -> Iterator[str]:
        """A node's branch grows, by true records of its own."""
        node = node_of(update.ref.removeprefix("refs/heads/"))
        if node is None:
            yield "is no node's name: those are node/000042"
            return
        if update.old is None and update.new and (gap := self._gap(node)):
            yield gap
        if update.new is None:
            yield "is deleted, and a node's branch stays"
        elif (history := self.context.nodes.get(node)) is None:
            for _, commit, what in self.context.nodes.faults[node]:
                yield f"{commit[:10]}: {what}"
        else:
            commits = [step.commit.id for step in history.steps]
            grows = update.old in commits
            if update.old is not None and not grows:
                yield f"is rewritten: its new tip does not descend from {update.old[:10]}"
            old = commits[: commits.index(update.old) + 1] if update.old and grows else ()
            yield from _listed(self._node_claims(history, len(old)), update.new, old)

    @cached_property
    def _old_line(self) -> frozenset[str]:
        """The commits of trunk that are no part of this push."""
        return frozenset(self._old_line_of(self.context.trunk))

    def _old_line_of(self, trunk: Trunk) -> list[str]:
        """The same of a trunk as it will be, the newest first."""
        line = list(trunk.line)
        came = [up for up in self._updates if up.ref == f"refs/heads/{self._view.trunk}"]
        old = came[0].old if came else self._view.trunk_tip
        return line[line.index(old) :] if old in line else []

    def _gap(self, node: int) -> str:
        """Why a new node would leave a gap, which `verify` would name; empty where it does not.

        Workers publish out of order: an id that somebody has a lease for is still to come.
        """
        at = bisect_left(self._ids, node)
        first = self._ids[at - 1] + 1 if at else 0
        if first + sum(first <= to_come < node for to_come in self._view.leased) == node:
            return ""
        return f"would leave a gap: node {first} is not here, nor a lease on it; push that first"

    @cached_property
    def _ids(self) -> list[int]:
        return list(self._view.node_tips)

    def _node_claims(self, history: NodeHistory, begun: int) -> Claims:
        """What is false of a node of which `begun` commits are here, or cannot be known."""
        context, tip = self.context, history.steps[-1].commit.id
        for commit, record in history.steps[begun:]:
            yield from ((commit.id, what) for what in self._rights.agent_faults(record.agent))
            yield from ((commit.id, what) for what in future_faults(commit, self._now))
        for parent in history.propose.parent_node:
            if context.nodes.get(parent) is None:
                yield tip, f"its Parent-Node {parent} is not here"
        for promotion in context.trunk.all:
            parents = promotion.commit.parents
            is_old = promotion.commit.id in self._old_line and parents
            if promotion.record.node == history.node and is_old:
                winner = compared_parent(promotion.record, parents)
                if not history.holds(winner):
                    yield tip, f"trunk has {winner} of it, which is not on this branch"
        base = context.base(history.node)
        if base is None:
            yield tip, "it goes back to no baseline that grew from a commit of people on trunk"
        elif why := context.rules_fault(base):
            yield base, why
        yield from node_claims(context, history)

    def trunk_faults(self, update: Update) -> Iterator[str]:
        """The trunk takes people's commits, and promotions of what was kept."""
        trunk = self.context.trunk
        if update.new is None:
            yield "is deleted, and the trunk stays"
        elif update.old is not None and update.old not in trunk.line:
            yield from _listed(iter(trunk.faults), update.new, ())
            old = update.old[:10]
            yield (
                f"is rewritten: its new tip does not descend from {old} by first parent; "
                "after a merge, put your own commits on top instead: git pull --rebase"
            )
        else:
            line = list(trunk.line)
            old_line = line[line.index(update.old) :] if update.old else []
            promotions = {promotion.commit.id: promotion for promotion in trunk.all}
            for oid in reversed(line[: len(line) - len(old_line)]):
                claims = self._trunk_claims(oid, promotions.get(oid))
                yield from _listed(claims, oid, ())
            newest = next((oid for oid in line if oid not in promotions), None)
            if newest is not None and newest not in old_line:
                yield from self._rules_faults(newest)
            yield from self.side_faults(update)

    def _rules_faults(self, oid: str) -> Iterator[str]:
        """The rules that would be in force are rules: else every step ended with an error."""
        objects = self.context.objects
        tree = objects.commit(oid).tree
        older = (self.context.trunk.line[old].tree for old in self._old_line)
        if find(objects, tree, TASK_FILE) is None and not any(
            find(objects, one, TASK_FILE) for one in older
        ):
            return  # no lab yet
        rules = self.context.rules_at(oid)
        if isinstance(rules, str):
            yield f"{oid[:10]}: {rules}"
            return
        try:
            require_runnable(objects, tree)
        except AiresearchError as error:
            yield f"{oid[:10]}: {error}"

    def _trunk_claims(self, oid: str, promotion: Promotion | None) -> Claims:
        context = self.context
        yield from (fault for fault in context.trunk.faults if fault[0] == oid)
        commit = context.objects.commit(oid)
        yield from ((oid, what) for what in future_faults(commit, self._now))
        if promotion is not None:
            node = promotion.record.node
            rights = self._rights.agent_faults(promotion.record.agent)
            yield from ((oid, what) for what in rights)
            if context.nodes.get(node) is None:
                yield oid, f"node {node} is not here"
            yield from promotion_claims(context, promotion)
        else:
            yield from ((oid, what) for what in self._rights.people_faults())
            before = context.objects.commit(commit.parents[0]).tree if commit.parents else EMPTY
            yield from ((oid, what) for what in context.objects.unsound(commit.tree, before))

    def side_faults(self, update: Update) -> Iterator[str]:
        """New commits that stand on no node's branch and are no step of the trunk are a person's.

        A node's own ancestors are not let off: what a person merged must be looked at even where a
        node grew from it.
        """
        if update.new is None:
            return
        nodes = self.context.nodes
        known = set(self.context.trunk.line)
        for ref in (other.ref for other in self._updates if other.new is not None):
            node = node_of(ref.removeprefix("refs/heads/"))
            history = None if node is None else nodes.get(node)
            known.update(step.commit.id for step in (history.steps if history else ()))
        yield from _listed(self._side_claims(self._view.unseen(update.new, known)), update.new, ())

    def _side_claims(self, oids: Iterator[str]) -> Claims:
        for oid in oids:
            commit = self.context.objects.commit(oid)
            record, fault = read_record(commit)
            if record is not None:
                what = f"it claims to be {record.agent}'s {record.action}"
                fault = f"{what}, on no node's branch, nor on the trunk, {self._view.trunk}"
            dates = future_faults(commit, self._now)
            for why in (fault or agent_fault(commit), *self._rights.people_faults(), *dates):
                if why:
                    yield oid, why


def _listed(claims: Claims, tip: str, old: Sequence[str]) -> Iterator[str]:
    """What is false of new commits, each named by ten digits; what is not sound, by the tip's."""
    try:
        yield from (f"{commit[:10]}: {what}" for commit, what in claims if commit not in old)
    except Unsound as unsound:
        yield f"{tip[:10]}: {unsound}"
