"""Whether a trial's record agrees with its files, its proposal and the other trials."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

from ...gitlab.reader.trees import edits, find, read
from ...gitlab.reader.values import PLAIN_FILE, Commit
from ...gitlab.record.facts import PARTIAL, Purpose, Status, Verdict
from ...gitlab.record.paths import ENVIRONMENT, FAILED, LARGEST_TRIAL_FILE, REFUSED, RESULT
from ...gitlab.record.records import Judge, Measure
from ...policies.access.guard import runner_policy
from ...policies.promotion.replication import may_follow, seed_of
from ...policies.task.task import BUILT_IN, MIB, Task
from ..executors.local.sandbox.choice import Kind
from ..executors.registry import EXECUTORS
from ..trials.gates import gate_fault
from ..trials.program_id import unlike
from ..trials.score import no_repeats, rounded
from .context import NO_ANSWERS, AuditContext
from .node_history import Claims, NodeHistory
from .rules import Rules

_TWIN = re.compile(
    r"same (?P<what>candidate|program) as node (?P<node>\d+)"
    r"(?: \(formatting and comments aside\))?, which was (?P<status>\w+)"
)
_NO_TWIN = "it is a duplicate of no earlier trial that its Reason names"
_LINE_COUNTS = {"code_lines", "diff_lines"}
_ROUNDED = 1e-6
_SECONDS_PER_DAY = 86_400
"""What ending a trial may take beyond its limit, on a machine that was halted meanwhile."""


def trial_claims(context: AuditContext, history: NodeHistory) -> Claims:
    """Every trial of a node."""
    rules = context.rules(history)
    done: list[int] = []
    judged: Judge | None = None
    for before, step in zip(history.steps, history.steps[1:], strict=False):
        said = step.record
        if isinstance(said, Judge):
            judged = said
        if not isinstance(said, Measure):
            continue
        faults = [
            *_tree_faults(context, before.commit, step.commit, said),
            *_record_faults(history, said),
            *_ending_faults(context, history, said),
        ]
        replicate = said.trial.replicate
        if rules is not None:
            faults += _task_faults(history, said, rules.task)
            faults += _gate_faults(context, history, said)
            if not may_follow(done, replicate, rules.task.is_timing):
                faults.append(f"replicate {replicate} is not the next one after {done}")
            purposes = _purposes(context, history, judged, bool(done))
            if said.purpose not in purposes:
                due = " or ".join(sorted(map(str, purposes)))
                faults.append(f"its Purpose is {said.purpose}, and it was {due}")
        done.append(replicate)
        yield from ((step.commit.id, what) for what in faults)


def _purposes(
    context: AuditContext, history: NodeHistory, judged: Judge | None, is_later: bool
) -> set[Purpose | None]:
    """What a trial can have been for, after a verdict or none."""
    rules = context.rules(history, history.propose.rules)
    # A lab can have got its team.yaml after the node was proposed.
    unsaid: set[Purpose | None] = set() if rules and rules.task.is_split else {None}
    if judged is not None and judged.verdict is Verdict.KEEP:
        return unsaid | {Purpose.ESTIMATE, Purpose.CONFIRM}
    if not history.propose.parent_node:
        return unsaid | {Purpose.ESTIMATE}
    if judged is not None and judged.error_spent and judged.verdict is Verdict.CONTEND:
        return unsaid | {Purpose.CONFIRM}
    return unsaid | {Purpose.RACE if is_later else Purpose.EXPLORE}


def _tree_faults(
    context: AuditContext, before: Commit, commit: Commit, said: Measure
) -> Iterator[str]:
    """The trial wrote its own files only, and they say what the trailers say."""
    for edit in edits(context.objects, before.tree, commit.tree):
        if edit.path not in runner_policy().files:
            yield f"the runner may not change {edit.path}"
        elif edit.new is not None and edit.new.mode != PLAIN_FILE:
            yield f"{edit.path} is no regular file"
        elif edit.new and len(context.objects.blob(edit.new.oid)) > LARGEST_TRIAL_FILE:
            yield f"{edit.path} is larger than {LARGEST_TRIAL_FILE:,} bytes"
            return
    environment = find(context.objects, commit.tree, ENVIRONMENT)
    if environment is None or environment.oid != said.environment:
        yield f"its Environment is {said.environment}, and {ENVIRONMENT} is another"
    try:
        text = read(context.objects, commit.tree, RESULT) or b""
        found = json.loads(text, object_pairs_hook=no_repeats)
    except (ValueError, RecursionError):
        yield f"{RESULT} is missing, no JSON, or repeats a name"
        return
    expected = {
        "trial": str(said.trial),
        "status": str(said.status),
        "reason": said.reason,
        "metrics": {metric.name: metric.value for metric in said.metric},
        "seed": said.seed,
        "seconds": said.duration,
        "peak_memory_bytes": said.peak_memory,
        "output_bytes": said.output_bytes,
    }
    for key, value in expected.items():
        if not isinstance(found, dict) or key not in found or found[key] != value:
            yield f"{RESULT} has another {key} than its trailers"


def _record_faults(history: NodeHistory, said: Measure) -> Iterator[str]:
    """The trailers agree with each other and with the proposal."""
    if said.trial.node != history.node:
        yield f"it says it is trial {said.trial}, and it is one of node {history.node}"
    if (said.candidate, said.protocol) != (history.propose.candidate, history.propose.protocol):
        yield "its Candidate or Protocol is not what was proposed"
    first = next((f"{m.name} {m.value:.6g}" for m in said.metric), "ok")
    text = first if said.status is Status.OK else f"{said.status}, {said.reason or ''}"
    subject = replace(said, subject=text).subject
    if said.subject != subject:
        yield f"its subject says {said.subject!r}, and its result is {subject!r}"
    due = seed_of(said.protocol, said.trial.replicate)
    if said.seed != due:
        yield f"its Seed is {said.seed}, and {due} is that of replicate {said.trial.replicate}"
    sizes = (said.peak_memory, said.output_bytes)
    if not 0 <= said.duration < math.inf or min(sizes) < 0:
        yield f"it took {said.duration} seconds, {sizes[0]} and {sizes[1]} bytes"
    if (said.status is Status.OK) == (said.reason is not None):
        yield f"its Status is {said.status}, and it has {'a' if said.reason else 'no'} Reason"


def _ending_faults(context: AuditContext, history: NodeHistory, said: Measure) -> Iterator[str]:
    """A proposal that came to nothing was not run, nor was one that had an answer already."""
    left = context.trace(history)
    due = {REFUSED: Status.DENIED, FAILED: Status.CRASH}.get(left)
    if due is not None and said.status is not due:
        yield f"its proposal left {left}, and its Status is {said.status}"
    if said.status is Status.DENIED and left != REFUSED:
        yield "its Status is denied, and no change was refused"
    if left:
        return
    if said.status is Status.DUPLICATE:
        yield from _twin_faults(context, history, said)
    elif (
        history.propose.parent_node and said.status not in NO_ANSWERS and said.trial.replicate == 1
    ):
        begun = history.steps[0].commit.time
        for commit, answer in context.answers(history, said):
            # Two workers may have run it at the same time; then neither could know.
            if answer.node < history.node and commit.time < begun:
                what = "had answered the same candidate, protocol and seed before"
                yield f"node {answer.node} {what}"


def _twin_faults(context: AuditContext, history: NodeHistory, said: Measure) -> Iterator[str]:
    """The node that a duplicate's Reason names is older, ended so, and is the same."""
    match = _TWIN.match(said.reason or "")
    twin = context.nodes.get(int(match["node"])) if match else None
    if match is None or twin is None or twin.node >= history.node:
        yield _NO_TWIN
        return
    is_candidate = twin.propose.candidate == said.candidate
    ends = {str(record.status) for _, record in context.answers_of(twin, said)}
    if match["status"] not in ends or (match["what"] == "candidate" and not is_candidate):
        yield _NO_TWIN
    elif not is_candidate:
        rules = context.rules(history)
        one, other = (n.steps[0].commit.tree for n in (twin, history))
        measured = context.measured(history)
        why = "" if measured is None else unlike(context.objects, one, other, measured.is_counted)
        if rules is not None and _LINE_COUNTS & set(rules.task.metrics):
            why = "the task counts lines, comments too"
        if why:
            yield f"it is no duplicate of node {twin.node}: {why}"


def _task_faults(history: NodeHistory, said: Measure, task: Task) -> Iterator[str]:
    """It ran as the task says, and its metrics are those that the task asks for."""
    evaluator = "self-reported" if task.evaluate is None else "pinned"
    if said.evaluator != evaluator:
        yield f"its Evaluator is {said.evaluator}, and the task's is {evaluator}"
    if said.duration > task.budget.trial_seconds + _SECONDS_PER_DAY:
        yield f"it took {said.duration} seconds, and the task allows {task.budget.trial_seconds:g}"
    sandboxes = get_args(Kind) if task.sandbox == "auto" else [task.sandbox]
    if said.executor not in EXECUTORS or said.sandbox not in sandboxes:
        yield f"no trial of this task runs by {said.executor} in {said.sandbox}"
    if said.status not in (Status.OK, Status.GATE):
        return
    prefix = "" if said.status is Status.OK else PARTIAL
    values = {metric.name.removeprefix(prefix): metric.value for metric in said.metric}
    if not all(metric.name.startswith(prefix) for metric in said.metric):
        yield "it missed a gate, and has metrics that could rank"
    digits = task.objective.digits if task.evaluate is not None else None
    for name in values.keys() - set(BUILT_IN):
        if values[name] != rounded(values[name], digits):
            yield f"its {name} has more than the {digits} digits that the task lets out"
    # The metrics that the runner makes of what it measured anyway.
    size = history.propose.diff
    expected = {
        "train_seconds": said.duration,
        "peak_memory_mb": said.peak_memory / MIB,
        "output_mb": said.output_bytes / MIB,
        "diff_lines": float(size.added + size.removed),
    }
    measured = values.keys() & set(BUILT_IN) & set(task.metrics)
    for name, value in expected.items():
        if name in measured and not math.isclose(values[name], value, rel_tol=0, abs_tol=_ROUNDED):
            yield f"its {name} is {values[name]!r}, and its trailers make it {value!r}"


def _gate_faults(context: AuditContext, history: NodeHistory, said: Measure) -> Iterator[str]:
    """It misses a gate or none, by the bounds that stood at its proposal or came later."""
    base, place = (
        context.base(history.node),
        context.place(history, history.propose.rules),
    )
    if said.status not in (Status.OK, Status.GATE) or base is None or place is None:
        return
    told = ""
    for commit in context.trunk.rules[base][place:]:
        rules = context.rules_at(commit)
        if not isinstance(rules, Rules):
            continue
        wrong = gate_fault(rules.task, said)
        if bool(wrong) == (said.status is Status.GATE):
            return
        told = told or f"its Status is {said.status}, and {wrong or 'it misses no gate'}"
    if told:
        yield told
