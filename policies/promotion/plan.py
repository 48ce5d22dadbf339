"""How a candidate is to be confirmed, from what is known before its first fresh trial.

Whether a logarithm is the better scale is told by the likelihood of what was replicated (G. E. P.
Box and D. R. Cox, JRSS B 26, 1964).
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

from ...gitlab.tree.node import mean, sum_squares

LOOKS = (3, 5, 8, 12, 17, 24)
"""Fresh trials of the candidate after which the judge looks: two say too little of their spread."""
_PAIRING_HELPS = 0.5
"""Correlation between nodes on the same seeds from which pairs tell more than all trials do."""
_CLEARLY_BETTER = 2.0
"""By so much in log likelihood."""
Replicates = Mapping[int, float]
"""One node's values by their replicates."""


def looks_of(most: int) -> tuple[int, ...]:
    """The looks of who may use so many."""
    return tuple(look for look in LOOKS if look <= most)


def is_paired(nodes: Sequence[Replicates]) -> bool:
    """Whether nodes on the same seeds are lucky together, so that pairs tell more."""
    apart = [_residuals(values) for values in nodes if len(values) > 1]
    together = alike = 0.0
    for one, other in combinations(apart, 2):
        for replicate in one.keys() & other.keys():
            together += one[replicate] * other[replicate]
            alike += (one[replicate] ** 2 + other[replicate] ** 2) / 2
    return alike > 0 and together > _PAIRING_HELPS * alike


def _residuals(values: Replicates) -> dict[int, float]:
    middle = mean(tuple(values.values())) or 0.0
    return {replicate: value - middle for replicate, value in values.items()}


def is_log(nodes: Sequence[Replicates]) -> bool:
    """Whether the logarithms of what each node measured differ more alike than the values do."""
    groups = [list(values.values()) for values in nodes if len(values) > 1]
    if any(value <= 0 for group in groups for value in group):
        return False
    logs = [[math.log(value) for value in group] for group in groups]
    freedom = sum(len(group) - 1 for group in groups)
    plain, scaled = (sum(map(sum_squares, some)) for some in (groups, logs))
    if not (plain and scaled):
        return False
    jacobian = sum(map(sum, logs)) * freedom / sum(map(len, groups))
    return freedom / 2 * math.log(plain / scaled) - jacobian > _CLEARLY_BETTER
