"""Wilcoxon's signed-rank test, exact: how likely pairs look this good where nothing is better.

F. Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1 (1945). Where two
sides are alike, the sign of each difference is a coin flip whatever the noise: skewed, heavy-tailed
or discrete. Ties have their middle rank, pairs without a difference say nothing and are left out.
"""

from collections.abc import Sequence
from functools import lru_cache


def chance(gains: Sequence[float]) -> float:
    """The probability that losses weigh as little as in `gains`, where signs are coin flips."""
    ranks, losses = _ranked(gains)
    return _at_most(ranks, losses)


def best_chance(gains: Sequence[float], more: int) -> float:
    """What `chance` becomes where `more` pairs to come are large gains.

    No other pairs to come make it less where no two differences are alike in size. Where some are,
    ties can: to stop by this number is to stop for want of hope, and costs no validity.
    """
    ranks, losses = _ranked(gains)
    first = len(ranks) + 1
    return _at_most((*ranks, *(2 * rank for rank in range(first, first + more))), losses)


def _ranked(gains: Sequence[float]) -> tuple[tuple[int, ...], int]:
    """Twice the ranks of the sizes, which makes them whole, and the sum of those of losses."""
    found = sorted((gain for gain in gains if gain), key=abs)
    ranks: list[int] = []
    while len(ranks) < len(found):
        size = abs(found[len(ranks)])
        tied = sum(1 for gain in found if abs(gain) == size)
        ranks += [2 * len(ranks) + tied + 1] * tied
    return tuple(ranks), sum(rank for rank, gain in zip(ranks, found, strict=True) if gain < 0)


def _at_most(ranks: tuple[int, ...], losses: int) -> float:
    ways = _ways(ranks)
    return sum(ways[: losses + 1]) / float(2 ** len(ranks))


@lru_cache(maxsize=1024)
def _ways(ranks: tuple[int, ...]) -> tuple[int, ...]:
    """In how many ways the signs can make each sum of losses."""
    ways = [1]
    for rank in ranks:
        ways += [0] * rank
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    return tuple(ways)
