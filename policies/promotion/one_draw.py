"""A candidate whose metric does not vary with the seed, where that of others does.

Its seed was picked, knowingly or not: by an agent that read which seed was the luckiest, or that
wrote one down. However often it runs, it was drawn once, so pairs say nothing of it. It counts as
better only beyond what luck gives the best of all draws that could be picked from.
"""

import math
from collections.abc import Collection

from ...gitlab.record.facts import Noise
from .noise import quantile
from .replication import FIRST

_STILL = 0.01
"""Noise units that replicates lie apart at most where the seed is not used."""


def is_one_draw(values: Collection[float], noise: Noise) -> bool:
    """Whether so many replicates as show the noise of a baseline do not vary."""
    return len(values) >= FIRST and is_still(values, noise)


def is_still(values: Collection[float], noise: Noise) -> bool:
    """Whether more than one value do not vary."""
    return len(values) > 1 and max(values) - min(values) <= _STILL * noise.sd


def luck(noise: Noise, picked_from: int, compared_with: int, error: float) -> float:
    """How far the best of `picked_from` draws may lie from the mean of `compared_with` others.

    With a chance of `error` it lies further: Bonferroni over the draws, with Student's t.
    """
    apart = noise.sd * math.sqrt(1 + 1 / compared_with)
    return apart * quantile(1 - error / picked_from, noise.freedom)
