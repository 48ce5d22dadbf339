"""Which commit of people was in force when: what a record names is no older than that."""

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from itertools import accumulate

from .node_history import CLOCKS_APART_SECONDS, Nodes, Trunk


class InForce:
    """The commits of people on a trunk, by the base that they stand on.

    `standing` is the one that was there before a push, where this is one. `base` tells of a node
    the commit it goes back to.
    """

    def __init__(
        self,
        trunk: Trunk,
        nodes: Nodes,
        standing: str | None,
        base: Callable[[int], str | None],
    ) -> None:
        self._trunk = trunk
        self._nodes = nodes
        self._standing = standing
        self._base = base

    def place(self, base: str | None, named: str | None) -> int | None:
        """Which of a base's commits of people a record names; None where it is none of them."""
        row = [] if base is None else self._trunk.rules[base]
        if named is None:
            return 0
        return row.index(named) if named in row else None

    def by(self, base: str | None, time: int) -> int:
        """Which of them was in force at a time, at least.

        What stood at a push; else what others named by then. The date of the commit itself says
        when it was written, and not when it came.
        """
        if base is None:
            return 0
        if self._standing is not None:
            row = self._trunk.rules[base]
            if self._standing in row:
                return row.index(self._standing)
            line = list(self._trunk.line)  # the newest first
            return len(row) - 1 if line.index(self._standing) < line.index(base) else 0
        times, places = self._named[base]
        return places[bisect_right(times, time - CLOCKS_APART_SECONDS)]

    @cached_property
    def _named(self) -> dict[str, tuple[list[int], list[int]]]:
        """For each base, when its commits of people were named, and the newest by each time."""
        named: dict[str, list[tuple[int, int]]] = {base: [] for base in self._trunk.rules}
        for history in self._nodes.all():
            base = self._base(history.node)
            for commit, record in history.steps if base is not None else ():
                place = self.place(base, getattr(record, "rules", None))
                if base is not None and place:
                    named[base].append((commit.time, place))
        for one in self._trunk.all:
            place = self._trunk.rules[one.base].index(one.rules)
            named[one.base].append((one.commit.time, place))
        found = {}
        for base, row in named.items():
            row.sort()
            newest = accumulate((place for _, place in row), max, initial=0)
            found[base] = [time for time, _ in row], list(newest)
        return found
