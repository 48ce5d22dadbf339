"""The campaign's error budget: who may spend how much of the chance of a false promotion.

All confirmed candidates of a campaign share `1 - confidence`. The j-th that was confirmed and not
promoted gets 1/(j(j+1)) of it; these parts sum to one however many there are (alpha spending, as in
J. Tian and A. Ramdas, Online control of the familywise error rate, 2021). Who was promoted hands
its part on: a claim that holds costs nothing, and one that does not is what the budget bounds.
"""

from collections.abc import Sequence
from itertools import count

from ...gitlab.tree.node import Node
from ..search.tree import Tree
from .replication import SCREEN


def share(tree: Tree, node: Node, confidence: float) -> float:
    """The chance to promote `node` wrongly that confirming it may cost.

    All others that were confirmed count, whoever was first: of those that look at their pairs, the
    last one sees all others, so workers beside each other never spend more than there is. A node
    that is tried again after others were confirmed pays as the last of them.
    """
    # A node's pairs are looked at once it has more trials than screen it.
    return part(tree.replicated(SCREEN, besides=node.id) + 1, confidence)


def part(place: int, confidence: float) -> float:
    """What the `place`-th candidate to be confirmed may spend, counted from 1."""
    return (1 - confidence) / (place * (place + 1))


def free_place(taken: Sequence[tuple[int, int]]) -> int:
    """The first place that no node has, of those that were confirmed and not promoted.

    `taken` is each such node with its place; 0 is one from before places were on record.
    """
    places = {place for _, place in taken}
    unnamed = sum(place == 0 for _, place in taken)
    return next(place for place in count(1 + unnamed) if place not in places)
