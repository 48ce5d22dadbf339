"""Whether a proposal changed what it says it did, and only what it was allowed to."""

import re
from collections.abc import Iterator
from dataclasses import replace

from ...gitlab.reader.form import MODES
from ...gitlab.reader.trees import content, edited, find, lines_fault
from ...gitlab.reader.values import PLAIN_FILE, Edit, Entry, Objects
from ...gitlab.record.facts import Diff, Operator
from ...gitlab.record.paths import (
    BUS,
    CUT,
    FAILED,
    LARGEST_TRACE,
    REFUSED,
    TEAM_FILE,
    TRANSCRIPT,
)
from ...gitlab.record.text import quote_path
from ...gitlab.store.change import Change, PathChange
from ...policies.access.guard import GIT_ALONE
from ...policies.paths import is_under
from ..trials.program_id import may_be_program
from ..trunk.measured import Changes
from ..trunk.outside import is_inert
from .context import AuditContext
from .node_history import Claims, NodeHistory, read_record
from .rules import Rules

_LISTED = 20
_OF_TWO = (Operator.MERGE, Operator.TRANSFER)
# As far as git looks for a NUL, which makes a file binary.
_SNIFFED = 8000


def proposal_claims(context: AuditContext, history: NodeHistory) -> Claims:
    """Where it grew, what it changed, and what it says of that."""
    for faults in (_parent_faults, _rules_faults, _size_faults, _tree_faults, _trace_faults):
        for what in faults(context, history):
            yield history.steps[0].commit.id, what


def _parent_faults(context: AuditContext, history: NodeHistory) -> Iterator[str]:
    said = history.propose
    if not said.parent_node:
        if history.onto not in context.trunk.promotions:
            yield f"its baseline grew from {history.onto}, which is no commit of people on trunk"
        elif (first := context.baselines[history.onto]) is not history:
            yield f"node {first.node} is a baseline of the same base already"
    elif said.agent == GIT_ALONE and said.operator not in _OF_TWO:
        yield f"no agent proposed it, and {said.operator} is nothing that git does alone"
    elif said.agent == GIT_ALONE:
        yield from _merge_faults(context, history)
    if len(said.parent_node) > 1 and said.operator not in _OF_TWO:
        yield f"{said.operator} has more than one Parent-Node"
    elif said.operator in _OF_TWO and len(set(said.parent_node)) != 2:
        yield f"a {said.operator} names two nodes, and it does not"
    for parent, commit in zip(said.parent_node, history.steps[0].commit.parents, strict=False):
        older = context.nodes.get(parent)
        if parent >= history.node:
            yield f"its Parent-Node {parent} is not older than it"
        elif not (_records(context, commit, parent) if older is None else older.holds(commit)):
            yield f"its parent {commit} is not on the branch of its Parent-Node {parent}"


def _rules_faults(context: AuditContext, history: NodeHistory) -> Iterator[str]:
    """The rules that it names are the trunk's, and no older than those its parents were made by."""
    said, place = history.propose, context.place(history, history.propose.rules)
    if place is None:
        yield f"its Rules are {said.rules}, which is no commit of people since its base"
        return
    if why := context.unread(history, said.rules):
        yield f"its Rules cannot be read: {why}"
        return
    rules = context.rules(history, said.rules)
    if rules is not None and rules.task.is_split != (said.rules is not None):
        told = "names no Rules" if said.rules is None else "names Rules"
        there = "a" if rules.task.is_split else "no"
        yield f"it {told}, and there is {there} {TEAM_FILE} at the commit in force"
    for parent in filter(None, map(context.nodes.get, said.parent_node)):
        if (context.place(history, parent.propose.rules) or 0) > place:
            yield f"its Rules are older than those of its Parent-Node {parent.node}"
    if rules is None or not rules.task.is_split:
        return
    for edit in context.proposed(history):
        if is_inert(rules.task, edit.path):
            yield f"{quote_path(edit.path)} is inert, and not an agent's to change"


def _records(context: AuditContext, commit: str, node: int) -> bool:
    """Whether a commit is one of a node's, whose branch a clone may lack."""
    record, _ = read_record(context.objects.commit(commit))
    return record is not None and record.node == node


def _merge_faults(context: AuditContext, history: NodeHistory) -> Iterator[str]:
    """Git alone takes each file from one of two nodes: what policies judged there, and no more."""
    commit = history.steps[0].commit
    if len(commit.parents) != 2 or len(set(history.propose.parent_node)) != 2:
        yield "no agent proposed it, and it is no merge of two nodes"
        return
    trees = [context.objects.commit(parent).tree for parent in commit.parents]
    other = context.carried(history, history.propose.parent_node[1])
    for edit in () if context.trace(history) else context.proposed(history):
        theirs = find(context.objects, trees[1], edit.path)
        if not is_under(edit.path, (BUS,)) and edit.new != other.get(edit.path, theirs):
            yield f"no agent proposed it, and {quote_path(edit.path)} is as neither parent has it"


def _size_faults(context: AuditContext, history: NodeHistory) -> Iterator[str]:
    said = history.propose
    if context.trace(history) or not said.parent_node:
        if said.diff != Diff(0, 0, 0):
            yield f"its Diff is {said.diff}, and nothing changed"
        return
    found = context.proposed(history)
    if said.diff.files != len(found):
        yield f"its Diff says {said.diff}, and {len(found)} files differ"
        return
    names = [quote_path(edit.path) for edit in found]
    if said.diff_path != tuple(names if len(names) <= _LISTED else [*names[:_LISTED], "..."]):
        yield "its Diff-Path is not what differs"
    if wrong := lines_fault(context.objects, found, said.diff):
        yield f"its Diff says {said.diff}, and {wrong}"


def _tree_faults(context: AuditContext, history: NodeHistory) -> Iterator[str]:
    said, tree = history.propose, history.steps[0].commit.tree
    measured = context.measured(history)
    less: Changes = {BUS: None}
    if measured is not None and context.place(history, said.rules) is not None:
        less = measured.candidate(said.rules or measured.base)
    real = edited(context.objects, tree, less)
    if said.candidate != real:
        yield f"its Candidate is {said.candidate}, and its tree without {BUS}/ is {real}"
    if said.transcript is not None:
        kept = find(context.objects, tree, TRANSCRIPT)
        if kept != Entry(PLAIN_FILE, said.transcript):
            yield f"its Transcript is {said.transcript}, and {TRANSCRIPT} is not"
    protocol = context.protocol(history)
    if measured is None or not protocol:
        return
    if said.protocol != protocol:
        yield f"its Protocol is {said.protocol}, and the protocol in force is {protocol}"
    ground, counts = context.objects.commit(measured.base).tree, measured.is_counted
    if said.program and not may_be_program(said.program, context.objects, ground, tree, counts):
        yield f"its Program is {said.program}, and its files give another"
    place = context.place(history, said.rules)
    if place is None:
        return
    # Who names older rules than were in force is held to those that were as well.
    row = context.trunk.rules[measured.base]
    due = max(place, context.in_force.by(context.base(history.node), history.steps[0].commit.time))
    while due > place and context.unread(history, row[due]):
        due -= 1  # nobody can have gone by those
    for named in dict.fromkeys((said.rules, row[due] if due > place else said.rules)):
        rules = context.rules(history, named)
        for reason in () if rules is None else _reasons_against(context, history, rules):
            yield f"{said.agent} was not allowed this change: {reason}"


def _trace_faults(context: AuditContext, history: NodeHistory) -> Iterator[str]:
    """What a refused or failed proposal leaves is what whoever measures it can read."""
    path, said = context.trace(history), history.propose
    if not path:
        return
    left = find(context.objects, history.steps[0].commit.tree, path)
    if left is None or left.mode != PLAIN_FILE:
        yield f"its {path} is no plain file"
    elif len(context.objects.blob(left.oid)) > LARGEST_TRACE + len(CUT):
        yield f"its {path} is larger than {LARGEST_TRACE:,} bytes"
    if path == REFUSED and not re.search(r"^Refused: \S", said.body, re.MULTILINE):
        yield "a refused proposal says why in `Refused:` lines, and it has none"


def _reasons_against(context: AuditContext, history: NodeHistory, rules: Rules) -> Iterator[str]:
    said, found = history.propose, context.proposed(history)
    changed = {edit.path for edit in found}
    if not said.parent_node:
        yield from (f"a baseline changes {quote_path(edit.path)}" for edit in found)
        if said.agent != GIT_ALONE:
            yield "a baseline is proposed by nobody"
    elif changed & {REFUSED, FAILED}:
        for path in sorted(changed - {REFUSED, FAILED}):
            yield f"a refused proposal leaves {REFUSED} alone, and {quote_path(path)} differs"
    elif said.agent not in rules.policies:
        yield f"{said.agent} is not on the team of {rules.task.name}"
    else:
        for edit in found:
            if edit.new is not None and edit.new.mode not in MODES:
                yield f"{quote_path(edit.path)} has a mode that git does not give"
        paths = [_path_change(context.objects, edit) for edit in found]
        if paths:
            # A limit on lines is one on the whole change, and so is the record of them.
            paths[0] = replace(paths[0], added=said.diff.added, removed=said.diff.removed)
        yield from rules.policies[said.agent].check(Change(tuple(paths), said.diff)).reasons


def _path_change(objects: Objects, edit: Edit) -> PathChange:
    before, after = (content(objects, side) for side in (edit.old, edit.new))
    return PathChange(
        edit.path,
        0 if edit.old is None else edit.old.mode,
        0 if edit.new is None else edit.new.mode,
        len(after),
        old_size=len(before),
        is_binary=b"\0" in after[:_SNIFFED],
        appends=edit.new is not None and after.startswith(before),
    )
