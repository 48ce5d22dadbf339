"""The audit's own arithmetic: means of trials, their spread, and which trials a winner rests on."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from ...gitlab.record.facts import Metric, Status
from ...gitlab.record.records import Judge, Measure
from .node_history import NodeHistory


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
    return tuple(Metric(name, mean(values(trials, name))) for name in names)


def mean(numbers: Sequence[float]) -> float:
    """The mean as a sum of differences: that of equal values is theirs to the last bit."""
    try:
        first = numbers[0]
        middle = first + math.fsum(number - first for number in numbers) / len(numbers)
    except OverflowError:
        return statistics.mean(numbers)
    # Forged values may overflow on the way; their mean is a number all the same.
    return middle if math.isfinite(middle) else statistics.mean(numbers)


class Spread(NamedTuple):
    """Squared distances from the means of groups, and degrees of freedom; both only grow."""

    squares: float = 0.0
    freedom: int = 0

    @property
    def varied(self) -> "Spread":
        """The same, nothing where the values are all equal: they need not count as noise."""
        return self if self.squares else Spread()

    def __add__(self, other: "Spread") -> "Spread":  # type: ignore[override]
        return Spread(self.squares + other.squares, self.freedom + other.freedom)

    def __sub__(self, other: "Spread") -> "Spread":
        return Spread(self.squares - other.squares, self.freedom - other.freedom)


def spread(group: Sequence[float]) -> Spread:
    """The spread of values that belong together."""
    if len(group) < 2:
        return Spread()
    middle = mean(group)
    # Not `** 2`, which raises where a product is infinite.
    apart = [value - middle for value in group]
    return Spread(sum(a * a for a in apart), len(group) - 1)


def fresh_trials(history: NodeHistory, tip: str) -> tuple[Judge | None, list[Measure]]:
    """The last verdict of a node up to its commit `tip`, and the trials after that."""
    judged: Judge | None = None
    fresh: list[Measure] = []
    for commit, record in history.steps:
        if isinstance(record, Judge):
            judged, fresh = record, []
        elif isinstance(record, Measure):
            fresh.append(record)
        if commit.id == tip:
            break
    return judged, fresh
