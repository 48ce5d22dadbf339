"""The noise floor: how far apart trials of one candidate lie, pooled over all that were replicated.

Pooled variance and Student's t (Biometrika 6, 1908): with few replicates a candidate's own spread
says little, and that of all candidates together says much.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from ...gitlab.record.facts import Interval, Noise
from ...gitlab.record.records import Measure
from ...gitlab.tree.node import mean, sum_squares, values_of
from ..search.tree import Tree
from .replication import FIRST

_NEARLY_NORMAL = 200
_A_FEW = 3


def pooled(groups: Iterable[tuple[float, ...]]) -> Noise:
    """The noise of values that differ by it alone inside each group."""
    return _noise([(sum_squares(group), len(group) - 1) for group in groups if len(group) > 1])


def _noise(spreads: Sequence[tuple[float, int]]) -> Noise:
    if any(squares for squares, _ in spreads):
        # What pays no heed to its seed says nothing of the noise of what does.
        spreads = [one for one in spreads if one[0] or one[1] < FIRST - 1]
    freedom = sum(freedom for _, freedom in spreads)
    try:
        # Rounded once, so that no order of the nodes shows in it.
        squares = math.fsum(squares for squares, _ in spreads)
    except OverflowError:
        squares = math.inf
    if not math.isfinite(squares):  # values at the end of what floats can hold: nothing is told
        return Noise(math.inf, freedom)
    return Noise(math.sqrt(squares / freedom) if freedom else 0.0, freedom)


def noise_floor(tree: Tree, metric: str) -> Noise:
    """The noise of `metric` that trials of the same node of the present base show."""
    return _noise(tree.spreads(metric))


def own_noise(trials: Sequence[Measure], metric: str, known: Noise | None) -> Noise | None:
    """That of one node's trials where they are a few and vary, else what is known of all."""
    found = pooled([tuple(values_of(trials, metric).values())])
    return found if known is not None and found.freedom >= _A_FEW and found.sd else known


@dataclass(frozen=True)
class Estimate:
    """How good a node is: the mean of `count` trials, with its 95 % interval."""

    value: float
    count: int
    interval: Interval | None
    """None where the noise is not known."""

    def __str__(self) -> str:
        around = "" if self.interval is None else f", 95% CI {self.interval}"
        return f"n={self.count}{around}"


def estimate(trials: Sequence[Measure], metric: str, noise: Noise | None) -> Estimate | None:
    """The estimate from `trials`; None where none has the metric."""
    values = tuple(values_of(trials, metric).values())
    value = mean(values)
    if value is None:
        return None
    known = noise is not None and noise.freedom > 0
    around = interval(value, noise.sd / math.sqrt(len(values)), noise) if noise and known else None
    return Estimate(value, len(values), around)


def interval(center: float, error: float, noise: Noise) -> Interval:
    """The two-sided 95 % interval around `center`, whose standard error is `error`."""
    reach = error * quantile(0.975, noise.freedom) if noise.sd else 0.0
    return Interval(center - reach, center + reach)


@lru_cache
def quantile(level: float, freedom: int) -> float:
    """The quantile of Student's t at a `level` below 1, by halving where `_reached` is below it."""
    if freedom > _NEARLY_NORMAL:
        return NormalDist().inv_cdf(level)
    low, high = 0.0, 1e6
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _reached(middle, freedom) < level else (low, middle)
    return high


def _reached(value: float, freedom: int) -> float:
    """Student's t below `value`, in closed form (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    angle = math.atan(value / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for step in range(1 + odd, freedom, 2):
        total += term
        term *= square * step / (step + 1)
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + inside / 2
