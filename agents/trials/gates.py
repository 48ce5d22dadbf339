"""Trials held to the bounds of another task than that which they ran under."""

from collections.abc import Sequence
from dataclasses import replace

from ...gitlab.record.facts import PARTIAL, Status
from ...gitlab.record.records import Measure
from ...gitlab.tree.node import without_miss
from ...policies.task.task import Task
from .score import BadScore, partial, require


def gate_fault(task: Task, trial: Measure) -> str:
    """Which bound of a task a trial misses, by what it measured; empty where none."""
    try:
        require(task, {m.name.removeprefix(PARTIAL): m.value for m in trial.metric})
    except BadScore as bad:
        return bad.reason
    return ""


def held_to(task: Task, trials: Sequence[Measure]) -> tuple[Measure, ...]:
    """The trials as the bounds of a task have them; what failed otherwise stays as it was."""
    return tuple(_held(task, trial) for trial in trials)


def holds(task: Task, trials: Sequence[Measure]) -> bool:
    """Whether what met the bounds when it was measured meets those of a task as well.

    Always where the team has no file of its own: bounds then never change for what is measured.
    """
    well = (trial for trial in trials if trial.status is Status.OK)
    return not task.is_split or not any(gate_fault(task, trial) for trial in well)


def _held(task: Task, trial: Measure) -> Measure:
    if trial.status not in (Status.OK, Status.GATE):
        return trial
    wrong = gate_fault(task, trial)
    if bool(wrong) == (trial.status is Status.GATE):
        return trial
    if wrong:
        metrics = partial(trial.metric)
        return replace(trial, status=Status.GATE, reason=wrong, metric=metrics)
    return without_miss(trial)
