"""What is asked of all nodes at each step, kept up to date by the nodes that changed."""

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from typing import Any, overload

Key = tuple[Any, ...]
_UNIT = 1 << 1074
"""Every float is a whole number of these parts of one."""


class Ordered(Sequence[int]):
    """The ids of the nodes that have a key, in the order of their keys, then of their ids."""

    def __init__(self, keys: Mapping[int, Key]) -> None:
        self._keys = dict(keys)
        self._sorted = sorted(self._keys, key=self._place)

    def put(self, node: int, key: Key | None) -> None:
        """Give a node its present key; None leaves it out."""
        old = self._keys.get(node)
        if old == key:
            return
        if old is not None:
            del self._sorted[self.below(*old, node)]
            del self._keys[node]
        if key is not None:
            self._keys[node] = key
            insort(self._sorted, node, key=self._place)

    def below(self, *key: Any) -> int:
        """How many come before `key`."""
        return bisect_left(self._sorted, key, key=self._place)

    def of(self, *start: Any) -> Sequence[int]:
        """Those whose key starts so."""
        size = len(start)
        first = self.below(*start)
        end = bisect_right(self._sorted, start, first, key=lambda node: self._place(node)[:size])
        return self._sorted[first:end]

    def _place(self, node: int) -> Key:
        return (*self._keys[node], node)

    def __len__(self) -> int:
        return len(self._sorted)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        return self._sorted[place]


class Total:
    """A sum over nodes. It is exact until it is asked for, so no order of the nodes shows in it."""

    def __init__(self) -> None:
        self._terms: dict[int, float] = {}
        self._boundless: dict[int, float] = {}
        self._units = 0

    def put(self, node: int, term: float) -> None:
        """Give a node its present term."""
        self._units -= _units(self._terms.pop(node, 0.0))
        self._boundless.pop(node, None)
        if not math.isfinite(term):
            self._boundless[node] = term
        elif term:
            self._terms[node] = term
            self._units += _units(term)

    @property
    def value(self) -> float:
        """The sum, rounded once; infinite or NaN as sums of such terms are."""
        if self._boundless:
            return sum(self._boundless.values())
        try:
            return self._units / _UNIT
        except OverflowError:
            return math.inf if self._units > 0 else -math.inf


def _units(term: float) -> int:
    over, under = term.as_integer_ratio()
    return over * (_UNIT // under)
