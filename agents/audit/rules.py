"""What the audit is told of the rules: policies as plain functions, for the task at each base."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import get_args

from ...gitlab.errors import AiresearchError
from ...gitlab.reader.repository import Place
from ...gitlab.reader.values import Edit
from ...gitlab.store.change import Change, PathChange
from ...policies.access.agent_policy import AgentPolicy, parse_policy, policy_file
from ...policies.access.guard import Policy, proposer_policy
from ...policies.promotion.decide import decide, standard_of
from ...policies.promotion.error_budget import part
from ...policies.promotion.noise import estimate
from ...policies.promotion.replication import ESTIMATE, may_follow
from ...policies.task.task import BUILT_IN, FILE, Task, load_task
from ..executors.local.sandbox.choice import Kind
from ..setup.team_policies import shipped_policy
from ..trials.program_id import syntax
from ..trials.runner import Runner
from ..trials.score import BadScore, require
from .audit import Progress, Report, audit
from .values import Change as Audited
from .values import ReadFile, Terms

# As far as git looks for a NUL, which makes a file binary.
_SNIFFED = 8000


def verify(place: Place, progress: Progress) -> Report:
    """The audit of the lab at `place`, held to the policies its own trunk has."""
    return audit(place, terms, progress)


def open_place(folder: Path) -> Place:
    """The repository that `folder` lies in, opened by the second reader."""
    return Place(folder)


def terms(read: ReadFile) -> Terms:
    """The terms of the task in the tree that `read` reads."""
    text = read(FILE)
    if text is None:
        raise AiresearchError(f"it holds no {FILE}")
    task = _task(text)
    return Terms(
        metric=task.objective.metric,
        built_in=frozenset(BUILT_IN) & frozenset(task.metrics),
        protected=task.protected_paths,
        evaluator="self-reported" if task.evaluate is None else "pinned",
        executors=frozenset([Runner.executor]),
        sandboxes=frozenset(get_args(Kind) if task.sandbox == "auto" else ["none"]),
        against=partial(_against, task, _permits(task, read)),
        syntax=_syntax,
        misses=partial(_misses, task),
        rule=partial(decide, standard_of(task)),
        share=lambda place: part(place, task.promotion.confidence),
        estimate=lambda trials, noise: str(estimate(trials, task.objective.metric, noise)),
        estimated=0 if task.promotion.replicates == 1 else ESTIMATE,
        may_follow=partial(may_follow, timing=task.is_timing),
        is_sealed=task.holdout is not None,
    )


def _against(
    task: Task, permits: Mapping[str, Policy], agent: str, change: Audited
) -> tuple[str, ...]:
    if agent not in permits:
        return (f"{agent} is not on the team of {task.name}",)
    paths = [_path(edit, change) for edit in change.edits]
    if paths:
        # A limit on lines is one on the whole change, and so is the record of them.
        paths[0] = replace(paths[0], added=change.diff.added, removed=change.diff.removed)
    return permits[agent].check(Change(tuple(paths), change.diff)).reasons


def _path(edit: Edit, change: Audited) -> PathChange:
    old, new = edit.old, edit.new
    before, after = (change.content(side) for side in (old, new))
    return PathChange(
        edit.path,
        0 if old is None else old.mode,
        0 if new is None else new.mode,
        len(after),
        old_size=len(before),
        is_binary=b"\0" in after[:_SNIFFED],
        appends=new is not None and after.startswith(before),
    )


def _permits(task: Task, read: ReadFile) -> Mapping[str, Policy]:
    """What each agent of the team may do: its own file in the lab, else the default of its kind."""
    found: dict[str, Policy] = {}
    for name, member in task.team.items():
        found[name] = proposer_policy(
            name, task, _rules(read(policy_file(name)), member.backend, name)
        )
    return found


@lru_cache(maxsize=64)
def _task(text: bytes) -> Task:
    # Most bases of a lab have the same task, and YAML is slow.
    return load_task(text)


@lru_cache(maxsize=64)
def _rules(own: bytes | None, backend: str, agent: str) -> AgentPolicy:
    if own is None:
        return shipped_policy(backend, agent)
    return parse_policy(own, policy_file(agent), agent)


def _misses(task: Task, values: Mapping[str, float]) -> str:
    try:
        require(task, values)
    except BadScore as bad:
        return bad.reason
    return ""


@lru_cache(maxsize=4096)
def _syntax(source: bytes) -> str:
    # Half of what is asked is the base's own files, again and again.
    return syntax(source)
