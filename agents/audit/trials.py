"""Whether a trial's record agrees with its files, its proposal and the other trials."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...gitlab.reader.trees import edits, find, read
from ...gitlab.reader.values import Commit
from ...gitlab.record.facts import Status
from ...gitlab.record.paths import ENVIRONMENT, FAILED, REFUSED, RESULT, RUN_LOG
from ...gitlab.record.records import Measure
from ...policies.task.task import MIB
from .context import NO_ANSWERS, Case
from .node_history import Claims
from .programs import unlike
from .values import Step, Story, Terms

_FILES = frozenset((ENVIRONMENT, RESULT, RUN_LOG))
_TWIN = re.compile(
    r"same (?P<what>candidate|program) as node (?P<node>\d+)"
    r"(?: \(formatting and comments aside\))?, which was (?P<status>\w+)"
)
_NO_TWIN = "it is a duplicate of no earlier trial that its Reason names"
_LINE_COUNTS = {"code_lines", "diff_lines"}
_ROUNDED = 1e-6


def trial_claims(case: Case, story: Story) -> Claims:
    """Every trial of a story."""
    left = case.trace(story)
    done: list[int] = []
    for before, step in zip(story.steps, story.steps[1:], strict=False):
        if isinstance(step.record, Measure):
            faults = _faults(case, story, before.commit, step, step.record, left)
            yield from ((step.commit.id, what) for what in faults)
            terms = case.terms(story)
            replicate = step.record.trial.replicate
            if terms is not None and not terms.may_follow(done, replicate):
                yield step.commit.id, f"replicate {replicate} is not the next one after {done}"
            done.append(replicate)


def _faults(
    case: Case, story: Story, before: Commit, step: Step, said: Measure, left: str
) -> Iterator[str]:
    tree = step.commit.tree
    for edit in edits(case.objects, before.tree, tree):
        if edit.path not in _FILES:
            yield f"the runner may not change {edit.path}"
    if said.trial.node != story.node:
        yield f"it says it is trial {said.trial}, and it is one of node {story.node}"
    if (said.candidate, said.protocol) != (story.propose.candidate, story.propose.protocol):
        yield "its Candidate or Protocol is not what was proposed"
    environment = find(case.objects, tree, ENVIRONMENT)
    if environment is None or environment.oid != said.environment:
        yield f"its Environment is {said.environment}, and {ENVIRONMENT} is another"
    yield from _file_faults(said, read(case.objects, tree, RESULT))
    if said.subject != _subject(said):
        yield f"its subject says {said.subject!r}, and its result is {_subject(said)!r}"
    usual = case.seeds[said.protocol, said.trial.replicate]
    if said.seed != usual:
        yield f"its Seed is {said.seed}, and {usual} is that of the same replicate of other nodes"
    yield from _ending_faults(said, left)
    if not left:
        yield from _rival_faults(case, story, said)
    terms = case.terms(story)
    if terms is not None:
        yield from _terms_faults(story, said, terms)


def _file_faults(said: Measure, data: bytes | None) -> Iterator[str]:
    """`result.json` says what the trailers say."""
    try:
        found = json.loads(data or b"")
    except ValueError:
        yield f"{RESULT} is missing or no JSON"
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


def _subject(said: Measure) -> str:
    first = next((f"{m.name} {m.value:.6g}" for m in said.metric), "ok")
    text = first if said.status is Status.OK else f"{said.status}, {said.reason or ''}"
    return replace(said, subject=text).subject


def _ending_faults(said: Measure, left: str) -> Iterator[str]:
    """A proposal that came to nothing was not run; only one that was refused is `denied`."""
    due = {REFUSED: Status.DENIED, FAILED: Status.CRASH}.get(left)
    if due is not None and said.status is not due:
        yield f"its proposal left {left}, and its Status is {said.status}"
    if said.status is Status.DENIED and left != REFUSED:
        yield "its Status is denied, and no change was refused"
    if (said.status is Status.OK) == (said.reason is not None):
        yield f"its Status is {said.status}, and it has {'a' if said.reason else 'no'} Reason"


def _rival_faults(case: Case, story: Story, said: Measure) -> Iterator[str]:
    if said.status is Status.DUPLICATE:
        if why := _twin_fault(case, story, said):
            yield why
    elif said.status not in NO_ANSWERS and said.trial.replicate == 1:
        begun = story.steps[0].commit.time
        for node, commit, _ in case.runs.get((said.candidate, said.protocol, said.seed), []):
            # Two workers may have run it at the same time; then neither could know.
            if node < story.node and case.objects.commit(commit).time < begun:
                yield f"node {node} had answered the same candidate, protocol and seed before"


def _twin_fault(case: Case, story: Story, said: Measure) -> str:
    """The node that a duplicate's Reason names is older, ended so, and is the same."""
    match = _TWIN.match(said.reason or "")
    twin = case.stories.get(int(match["node"])) if match else None
    if match is None or twin is None or twin.node >= story.node:
        return _NO_TWIN
    is_candidate = twin.propose.candidate == said.candidate
    runs = case.runs.get((twin.propose.candidate, said.protocol, said.seed), [])
    ends = {str(trial.status) for node, _, trial in runs if node == twin.node}
    if match["status"] not in ends or (match["what"] == "candidate" and not is_candidate):
        return _NO_TWIN
    if is_candidate:
        return ""
    terms = case.terms(story)
    if terms is not None and terms.built_in & _LINE_COUNTS:
        return f"it is no duplicate of node {twin.node}: the task counts lines, comments too"
    why = unlike(case.objects, *(one.steps[0].commit.tree for one in (twin, story)))
    return f"it is no duplicate of node {twin.node}: {why}" if why else ""


def _terms_faults(story: Story, said: Measure, terms: Terms) -> Iterator[str]:
    if said.evaluator != terms.evaluator:
        yield f"its Evaluator is {said.evaluator}, and the task's is {terms.evaluator}"
    if said.executor not in terms.executors or said.sandbox not in terms.sandboxes:
        yield f"no trial of this task runs by {said.executor} in {said.sandbox}"
    if said.status not in (Status.OK, Status.GATE):
        return
    prefix = "" if said.status is Status.OK else "partial."
    values = {metric.name.removeprefix(prefix): metric.value for metric in said.metric}
    if not all(metric.name.startswith(prefix) for metric in said.metric):
        yield "it missed a gate, and has metrics that could rank"
    wrong = terms.misses(values)
    if bool(wrong) == (said.status is Status.OK):
        yield f"its Status is {said.status}, and {wrong or 'it misses no gate'}"
    yield from _built_in_faults(story, said, values, terms)


def _built_in_faults(
    story: Story, said: Measure, values: Mapping[str, float], terms: Terms
) -> Iterator[str]:
    """The metrics that the runner makes of what it measured anyway."""
    size = story.propose.diff
    expected = {
        "train_seconds": said.duration,
        "peak_memory_mb": said.peak_memory / MIB,
        "output_mb": said.output_bytes / MIB,
        "diff_lines": float(size.added + size.removed),
    }
    for name, value in expected.items():
        real = values.get(name, value) if name in terms.built_in else value
        if not math.isclose(real, value, rel_tol=0, abs_tol=_ROUNDED):
            yield f"its {name} is {real!r}, and its trailers make it {value!r}"
