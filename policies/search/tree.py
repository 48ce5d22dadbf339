"""What policies ask of a search tree, be it a lab's or one of literal nodes."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ...gitlab.record.facts import Goal, Status
from ...gitlab.tree.node import Node


class Tree(Protocol):
    """A search tree, read only; but for `spent`, of what grew from the present base."""

    @property
    def nodes(self) -> Mapping[int, Node]:
        """All nodes by their ids."""

    @property
    def incumbent(self) -> Node | None:
        """The node that was promoted last."""

    def newest_change(self) -> Node:
        """The newest node that has a change to go on from, or the baseline."""

    def failed_leaves(self, how: Sequence[Status], repairs: int) -> Sequence[int]:
        """The nodes that ended as one of `how` and have no child, in id order.

        Not those with `repairs` in a row behind them, nor those that changed nothing.
        """

    def best(self, metric: str, goal: Goal, most: int) -> Sequence[int]:
        """The best nodes that did not fail, the best first."""

    def spent(self) -> tuple[int, float]:
        """All trials of all nodes, and the seconds they took."""

    def replicated(self, trials: int, *, besides: int) -> int:
        """How many nodes have more than so many trials; no baseline, none that was promoted."""

    def spreads(self, metric: str) -> Sequence[tuple[float, int]]:
        """Each replicated node's squared distances from its mean, and degrees of freedom."""
