"""What a push may do to the trunk: people's commits, and promotions of what was kept."""

from collections.abc import Iterator
from itertools import takewhile

from ....gitlab.errors import RecordError
from ....gitlab.hooks.push_view import Commit, Update, short
from ....gitlab.record.facts import Status, Verdict
from ....gitlab.record.records import Judge, Measure, Promote, Propose, Record
from ....gitlab.store.refs import node_branch
from ....gitlab.store.trees import Oid
from ....gitlab.tree.search_tree import means
from ....policies.promotion.replication import ESTIMATE
from .lab import JUDGE, After, Rights, author_faults, person_faults


def trunk_faults(after: After, update: Update, rights: Rights) -> Iterator[str]:
    """Every reason against an update of the trunk."""
    if update.new is None:
        yield "is deleted, and the trunk stays"
        return
    if update.old is not None and update.old not in after.trunk_line:
        yield f"is rewritten: its new tip does not descend from {short(update.old)} by first parent"
        return
    for commit in reversed(list(_new(after, update))):
        for reason in _reasons(after, commit, rights):
            yield f"{short(commit.id)}: {reason}"


def _new(after: After, update: Update) -> Iterator[Commit]:
    assert update.new is not None, "a deletion was refused before"
    for commit in after.lab.first_parents(update.new):
        if commit.id == update.old:
            return
        yield commit


def _reasons(after: After, commit: Commit, rights: Rights) -> Iterator[str]:
    try:
        record = after.record(commit)
        if record is None:
            yield from person_faults(commit, rights)
        elif not isinstance(record, Promote):
            yield f"{record.action} belongs on a node's branch, and trunk takes promotions only"
        else:
            yield from author_faults(commit, record, rights)
            yield from _promotion_faults(after, commit, record)
    except RecordError as error:
        yield error.what


def _promotion_faults(after: After, commit: Commit, record: Promote) -> Iterator[str]:
    if record.agent != JUDGE:
        yield f"its Agent is {record.agent}, and the judge promotes"
    if len(commit.parent_ids) != 2:
        yield f"it has {len(commit.parent_ids)} parents, and a promotion has two"
        return
    winner = commit.parent_ids[1]
    if commit.tree_id != after.lab.tree_of(winner):
        yield "its tree is not the tree of the node it promotes"
    line = list(after.node_line(record.node))
    found = [place for place, (one, _) in enumerate(line) if one.id == winner]
    if not found:
        yield f"its second parent is not on {node_branch(record.node)}"
        return
    yield from _winner_faults(after, commit, record, [one for _, one in line[found[0] :]])


def _winner_faults(
    after: After, commit: Commit, record: Promote, line: list[Record | None]
) -> Iterator[str]:
    """`line` holds the node's records up to what is promoted, newest first."""
    later = list(takewhile(lambda one: isinstance(one, Measure), line))
    judged, propose = line[len(later)], line[-1]
    if not isinstance(judged, Judge) or judged.verdict is not Verdict.KEEP:
        yield f"node {record.node} was not judged keep"
        return
    if not isinstance(propose, Propose):
        raise RecordError(f"node {record.node} has no propose commit")
    base, incumbent = _stand(after, commit.parent_ids[0])
    rules = after.rules_at(base)
    fresh = [one for one in reversed(later) if isinstance(one, Measure)]
    estimate = (means(fresh) if propose.parent_node else ()) or judged.metric
    if record.metric != estimate:
        yield "its Metric lines are not those of the trials after the verdict"
    if (
        propose.parent_node
        and judged.noise is not None
        and judged.noise.sd
        and len(fresh) < ESTIMATE
    ):
        yield f"it rests on {len(fresh)} trials after the verdict, and {ESTIMATE} are due"
    failed = next((one.status for one in fresh if one.status is not Status.OK), None)
    if failed is not None and propose.parent_node:
        yield f"a trial of node {record.node} after the verdict ended as {failed}"
    if judged.incumbent != incumbent:
        now = "none" if incumbent is None else f"node {incumbent}"
        yield f"node {record.node} was judged against another incumbent: trunk's is {now}"
    if propose.protocol != rules.protocol:
        yield f"node {record.node} was measured under another protocol than the trunk's"
    if _base_of(after, record.node) != base:
        yield f"node {record.node} grew from an older base of the trunk"


def _base_of(after: After, node: int) -> Oid:
    *_, (proposed, _) = after.node_line(node)
    return after.base_of(proposed.parent_ids[0])


def _stand(after: After, tip: Oid) -> tuple[Oid, int | None]:
    """The base and the incumbent where the trunk stands at `tip`."""
    incumbent: int | None = None
    for commit in after.lab.first_parents(tip):
        if after.trunk_line.get(commit.id):
            return commit.id, incumbent
        record = after.record(commit)
        if incumbent is None and isinstance(record, Promote):
            incumbent = record.node
    raise RecordError("trunk has no person's commit")
