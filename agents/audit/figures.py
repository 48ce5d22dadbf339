"""The audit's own arithmetic: means of trials, their spread, and which trials a winner rests on."""

import math
from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from ...gitlab.record.facts import Metric, Status
from ...gitlab.record.records import Judge, Measure
from .values import Story


def is_well(trials: Sequence[Measure]) -> bool:
    """Whether there are trials, and none failed."""
    return bool(trials) and all(trial.status is Status.OK for trial in trials)


def values(trials: Sequence[Measure], metric: str) -> list[float]:
    """What every trial that ended well measured."""
    well = (trial for trial in trials if trial.status is Status.OK)
    return [m.value for trial in well for m in trial.metric if m.name == metric]


def means(trials: Sequence[Measure]) -> tuple[Metric, ...]:
    """The mean of each metric over the trials that ended well."""
    first = next((trial for trial in trials if trial.status is Status.OK), None)
    names = () if first is None else tuple(metric.name for metric in first.metric)
    return tuple(Metric(name, _mean(values(trials, name))) for name in names)


class Spread(NamedTuple):
    """Squared distances from the means of groups, and degrees of freedom; both only grow."""

    squares: float = 0.0
    freedom: int = 0

    def __add__(self, other: "Spread") -> "Spread":  # type: ignore[override]
        return Spread(self.squares + other.squares, self.freedom + other.freedom)


def spread(group: Sequence[float]) -> Spread:
    """The spread of values that belong together."""
    if len(group) < 2:
        return Spread()
    middle = _mean(group)
    # Not `** 2`, which raises where a product is infinite.
    apart = [value - middle for value in group]
    return Spread(sum(a * a for a in apart), len(group) - 1)


def fresh_trials(story: Story, tip: str) -> tuple[Judge | None, list[Measure]]:
    """The last verdict of a story up to its commit `tip`, and the trials after that."""
    judged: Judge | None = None
    fresh: list[Measure] = []
    for commit, record in story.steps:
        if isinstance(record, Judge):
            judged, fresh = record, []
        elif isinstance(record, Measure):
            fresh.append(record)
        if commit.id == tip:
            break
    return judged, fresh


def _mean(found: Sequence[float]) -> float:
    # As a sum of differences: the mean of equal values is theirs to the last bit.
    try:
        middle = found[0] + math.fsum(value - found[0] for value in found) / len(found)
    except OverflowError:
        return mean(found)
    # Forged values may overflow on the way; their mean is a number all the same.
    return middle if math.isfinite(middle) else mean(found)
