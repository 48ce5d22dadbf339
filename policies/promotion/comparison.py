"""Fresh trials of a candidate against the incumbent's: by how much it is better, and how surely.

The means are compared, over pairs with the same seed or between all fresh trials of either side
(B. L. Welch, Biometrika 34, 1947). A few trials say little of their own spread, so it is shrunk
towards the incumbent's, as an empirical Bayes estimate whose prior weighs as much as a few trials
(G. K. Smyth, Statistical Applications in Genetics and Molecular Biology 3, 2004). Where gains are
symmetric around zero, Student's test is wrong less often than it says, the more so the heavier
their tails (B. Efron, JASA 64, 1969).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from ...gitlab.tree.node import sum_squares
from .noise import quantile

PRIOR_FREEDOM = 4
"""Degrees of freedom, at most, that the incumbent's spread weighs in the candidate's."""


@dataclass(frozen=True)
class Comparison:
    """How far the candidate is ahead; on the scale that is compared on, positive is better."""

    gain: float
    error: float
    """Of the gain, a standard error."""
    freedom: int
    count: int
    """Fresh trials of the candidate."""

    def reaches(self, level: float) -> float:
        """How far the gain may lie from the truth, one-sided, with a chance of 1 - `level`."""
        return self.error * quantile(level, self.freedom) if self.error else 0.0


def compare_pairs(
    candidate: Mapping[int, float], incumbent: Mapping[int, float], theirs: Sequence[float]
) -> Comparison | None:
    """Seed by seed; `theirs` are all trials that tell the incumbent's spread. Lower is better."""
    gains = [incumbent[n] - candidate[n] for n in candidate if n in incumbent]
    if not gains:
        return None
    spread, freedom = _shrunk(gains, 2 * _variance(theirs), len(theirs) - 1)
    return Comparison(fmean(gains), math.sqrt(spread / len(gains)), freedom, len(gains))


def compare_all(candidate: Sequence[float], incumbent: Sequence[float]) -> Comparison | None:
    """All fresh trials of either side. Lower is better."""
    if not candidate or len(incumbent) < 2:
        return None
    base = _variance(incumbent)
    spread, freedom = _shrunk(candidate, base, len(incumbent) - 1)
    ours, theirs = spread / len(candidate), base / len(incumbent)
    both = ours + theirs
    if not both:
        return Comparison(fmean(incumbent) - fmean(candidate), 0.0, freedom, len(candidate))
    joint = both * both / (ours * ours / freedom + theirs * theirs / (len(incumbent) - 1))
    gain = fmean(incumbent) - fmean(candidate)
    return Comparison(gain, math.sqrt(both), max(int(joint), 1), len(candidate))


def _variance(values: Sequence[float]) -> float:
    return sum_squares(values) / (len(values) - 1) if len(values) > 1 else 0.0


def _shrunk(values: Sequence[float], prior: float, known: int) -> tuple[float, int]:
    """A variance and its degrees of freedom, with a prior that rests on so many."""
    weight = min(known, PRIOR_FREEDOM)
    freedom = weight + len(values) - 1
    shrunk = (weight * prior + sum_squares(values)) / max(freedom, 1)
    # A candidate may be the noisier one. Where it looks so, the incumbent's spread says nothing of
    # it, and lends it no freedom either: else its luck would count as evidence.
    own = _variance(values)
    if own > shrunk:
        return own, len(values) - 1
    return shrunk, max(freedom, 1)
