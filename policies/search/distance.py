"""How far a trial was from what was asked of it: figures that a next proposal can act on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ...gitlab.record.facts import Status, Verdict
from ...gitlab.record.records import Judge, Measure
from ..task.task import MIB, Task


@dataclass(frozen=True)
class Distance:
    """A measured value and the bound it did not keep."""

    metric: str
    value: float
    bound: float
    by: float
    """Positive where it is worse than the bound by so much; see `distances`."""


def distances(task: Task, trial: Measure, judged: Judge | None = None) -> tuple[Distance, ...]:
    """Every limit and gate the trial missed, and how it compares with the incumbent.

    Limits are in seconds and MiB. A node that was discarded has a distance from the incumbent it
    was judged against, which is negative where it was better and by too little.
    """
    found = [*_limits(task, trial), *_gates(task, trial), *_incumbent(task, judged)]
    return tuple(one for one in found if math.isfinite(one.by))


def _limits(task: Task, trial: Measure) -> Iterator[Distance]:
    budget = task.budget
    figures = {
        Status.TIMEOUT: ("train_seconds", trial.duration, budget.trial_seconds),
        Status.MEMORY: ("peak_memory_mb", trial.peak_memory / MIB, budget.trial_memory_mb),
        Status.OUTPUT: ("output_mb", trial.output_bytes / MIB, budget.output_mb),
    }
    if trial.status in figures:
        metric, value, bound = figures[trial.status]
        # What was printed, or refused before it was written, is over the limit by no figure.
        if value > bound:
            yield Distance(metric, value, float(bound), value - bound)


def _gates(task: Task, trial: Measure) -> Iterator[Distance]:
    if trial.status is not Status.GATE:
        return
    values = {one.name.removeprefix("partial."): one.value for one in trial.metric}
    for gate in task.constraints:
        value = values.get(gate.metric)
        if value is None:
            continue
        if gate.max is not None and value > gate.max:
            yield Distance(gate.metric, value, gate.max, value - gate.max)
        if gate.min is not None and value < gate.min:
            yield Distance(gate.metric, value, gate.min, gate.min - value)


def _incumbent(task: Task, judged: Judge | None) -> Iterator[Distance]:
    if judged is None or judged.delta is None or judged.verdict is not Verdict.DISCARD:
        return
    objective, delta = task.objective, float(judged.delta)
    value = next((one.value for one in judged.metric if one.name == objective.metric), None)
    if value is not None:
        worse = delta if objective.goal == "minimize" else -delta
        yield Distance(objective.metric, value, value - delta, worse)
