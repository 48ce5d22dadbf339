"""What a push may do to a node's branch: let it grow, by honest records of its own."""

from collections.abc import Iterator
from typing import cast

from ....gitlab.errors import RecordError
from ....gitlab.hooks.push_view import Commit, Update, short
from ....gitlab.record.records import Judge, Measure, Propose, Record
from ....gitlab.store.refs import node_branch
from ....gitlab.store.trees import Oid
from .facts import record_faults
from .lab import After, Rights, author_faults

_LONGEST = 10_000
_Line = list[tuple[Commit, Record | None, str]]


def node_faults(after: After, update: Update, rights: Rights) -> Iterator[str]:
    """Every reason against an update of `refs/heads/node/…`."""
    name = update.ref.removeprefix("refs/heads/node/")
    if not (name.isascii() and name.isdigit() and node_branch(int(name)) == f"node/{name}"):
        yield "is no node's name: those are node/000042"
        return
    if update.new is None:
        yield "is deleted, and a node's branch stays"
        return
    line = _read(after, int(name), update.new)
    yield from _shape_faults(line, update, int(name))
    yield from _commit_faults(after, line, update, rights)


def _read(after: After, node: int, new: Oid) -> _Line:
    """The branch down to its propose or to the trunk, newest first, each with what is wrong."""
    line: _Line = []
    for commit in after.lab.first_parents(new):
        if commit.id in after.trunk_line or len(line) == _LONGEST:
            break
        record, fault = _read_one(after, commit, node)
        line.append((commit, record, fault))
        if isinstance(record, Propose):
            break
    return line


def _read_one(after: After, commit: Commit, node: int) -> tuple[Record | None, str]:
    try:
        record = after.record(commit)
    except RecordError as error:
        return None, str(error)
    if record is None:
        return None, "it is no record of an action, and nothing else belongs on a node's branch"
    wrong = "" if record.node == node else f"it is of node {record.node}, not of {node}"
    return record, wrong


def _shape_faults(line: _Line, update: Update, node: int) -> Iterator[str]:
    if update.old is not None and update.old not in [commit.id for commit, _, _ in line]:
        yield f"is rewritten: its new tip does not descend from {short(update.old)}"
    if not line or not isinstance(line[-1][1], Propose):
        yield f"has no propose commit of node {node}"


def _commit_faults(after: After, line: _Line, update: Update, rights: Rights) -> Iterator[str]:
    """Oldest first, the new commits only; each is judged by the records before it."""
    before: list[Record] = []
    is_new = update.old not in [commit.id for commit, _, _ in line]
    for commit, record, fault in reversed(line):
        if is_new:
            for reason in _reasons(after, commit, record, fault, before, rights):
                yield f"{short(commit.id)}: {reason}"
        if record is not None:
            before.append(record)
        is_new = is_new or commit.id == update.old


def _reasons(
    after: After,
    commit: Commit,
    record: Record | None,
    fault: str,
    before: list[Record],
    rights: Rights,
) -> Iterator[str]:
    if fault:
        yield fault
    if record is None:
        return
    yield from author_faults(commit, record, rights)
    if len(commit.parent_ids) != 1:
        yield f"it has {len(commit.parent_ids)} parents, and an action on a node has one"
        return
    wrong = _order_fault(record, before)
    if wrong:
        yield wrong
        return
    try:
        propose = record if isinstance(record, Propose) else cast(Propose, before[0])
        yield from record_faults(after, commit, record, propose, before)
    except RecordError as error:
        yield error.what


def _order_fault(record: Record, before: list[Record]) -> str:
    """Propose, then measures, then a judge; then measures and judges as they come."""
    if isinstance(record, Propose):
        return ""
    if not before or not isinstance(before[0], Propose):
        return f"{record.action} without a propose before it"
    if isinstance(record, Measure):
        return ""
    if not isinstance(record, Judge):
        return f"{record.action} belongs on the trunk"
    measured = any(isinstance(one, Measure) for one in before)
    return "" if measured else "judge without a measure before it"
