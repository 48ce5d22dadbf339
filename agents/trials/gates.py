"""Trials held to the bounds of another task than that which they ran under."""

from collections.abc import Sequence
from dataclasses import replace

from ...gitlab.record.facts import PARTIAL, Status
from ...gitlab.record.records import Measure
from ...gitlab.tree.node import Node, without_miss
from ...policies.task.task import Task
from .score import BadScore, partial, require

_BOUNDED = (Status.OK, Status.GATE)


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


def holds(task: Task, judged: Sequence[Measure], later: Sequence[Measure] = ()) -> bool:
    """Whether trials that were judged well meet the bounds of a task, and `later` ones that did.

    Always where the team has no file of its own: bounds then never change for what is measured.
    """
    well = [trial for trial in later if trial.status is Status.OK]
    well += [trial for trial in judged if trial.status in _BOUNDED]
    return not task.is_split or not any(gate_fault(task, trial) for trial in well)


def still_holds(task: Task, node: Node) -> bool:
    """Whether a node that was promoted meets the bounds of a task."""
    return holds(task, node.trials[: node.weighed], node.trials[node.weighed :])


def _held(task: Task, trial: Measure) -> Measure:
    if trial.status not in _BOUNDED:
        return trial
    wrong = gate_fault(task, trial)
    if bool(wrong) == (trial.status is Status.GATE):
        return trial
    if wrong:
        metrics = partial(trial.metric)
        return replace(trial, status=Status.GATE, reason=wrong, metric=metrics)
    return without_miss(trial)
