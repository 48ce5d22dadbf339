"""Whether what a record on a node's branch says is what its trees give."""

import json
from collections.abc import Iterator

from ....gitlab.hooks.push_view import Commit, short
from ....gitlab.record.facts import Status, Verdict
from ....gitlab.record.paths import ENVIRONMENT, RESULT
from ....gitlab.record.records import Judge, Measure, Propose, Record
from ....gitlab.store.change import Change, compare
from ....gitlab.store.trees import Oid, find, read
from ....gitlab.tree.search_tree import means
from ....policies.access.guard import no_change_policy, refusal_policy, runner_policy
from ....policies.promotion.replication import may_follow
from ...trials.program_id import may_be_program, program
from .in_force import Rules
from .lab import JUDGE, NOBODY, RUNNER, After


def record_faults(
    after: After, commit: Commit, record: Record, propose: Propose, before: list[Record]
) -> Iterator[str]:
    """Every falsehood of one new commit; `before` holds the node's earlier records, oldest first.

    Raises RecordError where the node's ground is such that nothing can be said.
    """
    lab = after.lab
    parent = commit.parent_ids[0]
    change = compare(lab.repo, lab.tree_of(parent), commit.tree_id)
    if isinstance(record, Propose):
        yield from _ground_faults(after, commit, record)
        base = after.base_of(parent)
        yield from _program_faults(after, commit, record, base)
        yield from _propose_faults(after, commit, record, change, after.rules_at(base))
    elif isinstance(record, Measure):
        yield from _claim("Parent-Node", record.parent_node, propose.parent_node)
        timing = after.rules_at(after.base_of(parent)).task.is_timing
        yield from _measure_faults(after, commit, record, propose, before, timing)
        yield from runner_policy().check(change).reasons
    elif isinstance(record, Judge):
        yield from _claim("Parent-Node", record.parent_node, propose.parent_node)
        yield from _judge_faults(record, before)
        yield from no_change_policy(JUDGE).check(change).reasons


def _ground_faults(after: After, commit: Commit, record: Propose) -> Iterator[str]:
    """A baseline grows from the trunk, any other node from a commit of its parent's branch."""
    parent = commit.parent_ids[0]
    if not record.parent_node:
        if not after.trunk_line.get(parent):
            yield f"it grew from {short(parent)}, which is no person's commit on trunk"
        return
    other = record.parent_node[0]
    if parent not in [found.id for found, _ in after.node_line(other)]:
        yield f"it grew from {short(parent)}, which is not on the branch of node {other}"


def _program_faults(after: After, commit: Commit, record: Propose, base: Oid) -> Iterator[str]:
    said, lab = record.program, after.lab
    if said is not None and not may_be_program(said, lab, lab.tree_of(base), commit.tree_id):
        yield from _claim("Program", said, program(lab, lab.tree_of(base), commit.tree_id))


def _propose_faults(
    after: After, commit: Commit, record: Propose, change: Change, rules: Rules
) -> Iterator[str]:
    yield from _claim("Candidate", record.candidate, str(after.lab.candidate(commit.tree_id)))
    yield from _claim("Protocol", record.protocol, rules.protocol)
    refused = refusal_policy(record.agent).check(change).allowed
    if not refused:
        yield from _claim("Diff-Path", list(record.diff_path), list(change.listed))
    if not record.parent_node:
        yield from _claim("Agent", record.agent, NOBODY)
        yield from no_change_policy(record.agent).check(change).reasons
        return
    policy = rules.policy(record.agent)
    if policy is None:
        yield f"{record.agent} is no agent of the team"
    elif not refused:
        yield from policy.check(change).reasons


def _measure_faults(
    after: After,
    commit: Commit,
    record: Measure,
    propose: Propose,
    before: list[Record],
    timing: bool,
) -> Iterator[str]:
    yield from _claim("Agent", record.agent, RUNNER)
    yield from _claim("Candidate", record.candidate, propose.candidate)
    yield from _claim("Protocol", record.protocol, propose.protocol)
    done = [one.trial.replicate for one in before if isinstance(one, Measure)]
    if record.trial.node != record.node or not may_follow(done, record.trial.replicate, timing):
        yield f"its Trial is {record.trial}, which cannot follow replicates {done}"
    entry = find(after.lab.repo, commit.tree_id, ENVIRONMENT)
    yield from _claim("Environment", record.environment, "" if entry is None else str(entry.oid))
    yield from _result_faults(read(after.lab.repo, commit.tree_id, RESULT), record)


def _result_faults(result: bytes | None, record: Measure) -> Iterator[str]:
    try:
        facts = json.loads(result or b"")
        metrics, status = dict(facts["metrics"]), facts["status"]
    except (ValueError, KeyError, TypeError):
        yield f"{RESULT} cannot be read"
        return
    yield from _claim("Status", str(record.status), status)
    yield from _claim("Metric", {one.name: one.value for one in record.metric}, metrics)


def _judge_faults(record: Judge, before: list[Record]) -> Iterator[str]:
    yield from _claim("Agent", record.agent, JUDGE)
    trials = [one for one in before if isinstance(one, Measure)]
    failed = next((one.status for one in trials if one.status is not Status.OK), None)
    measured = means(trials) if failed is None else ()
    yield from _claim("Metric", _texts(record.metric), _texts(measured))
    if record.verdict is Verdict.KEEP and failed is not None:
        yield f"it keeps a node of which a trial ended as {failed}"


def _texts(values: tuple[object, ...]) -> list[str]:
    return [str(value) for value in values]


def _claim(key: str, said: object, given: object) -> Iterator[str]:
    if said != given:
        yield f"its {key} says {said}, and the lab gives {given}"
