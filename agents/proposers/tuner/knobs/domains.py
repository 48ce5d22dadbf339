"""The values a knob may take: a range of numbers or a few choices, each laid out on [0, 1]."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

_CLOSE = 0.01
"""So near an end of its range, a value is at it."""
Value = bool | int | float | str | None
Place = float | int
"""Where a value stands: in [0, 1], or the number of a choice that has no neighbours."""


def same(one: Value, other: Value) -> bool:
    """Equality that tells True from 1 and False from 0, as a reader of the source does."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; `near one` is a log scale on 1 - number."""

    low: float
    high: float
    scale: Literal["linear", "log", "near one"] = "linear"
    integer: bool = False
    categories: ClassVar = 0
    """How many choices without neighbours it has: none."""

    def knows(self, value: Value) -> bool:
        """Whether it is a finite number; one outside the range counts as at its edge."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return -1e300 <= value <= 1e300

    def unit(self, value: Value) -> float:
        """The place in [0, 1] of a value it knows."""
        number = min(max(float(value or 0), self.low), self.high)
        low, high = self._warp(self.low), self._warp(self.high)
        return (self._warp(number) - low) / (high - low)

    def value(self, unit: float) -> Value:
        """The number at a place in [0, 1], with as few digits as a reader can use."""
        low, high = self._warp(self.low), self._warp(self.high)
        number = self._short(self._unwarp(low + unit * (high - low)))
        number = min(max(number, self.low), self.high)
        return round(number) if self.integer else float(number)

    place, at = unit, value

    def options(self) -> list[Value]:
        """A thousand of its values, the same ones once."""
        return list(dict.fromkeys(self.value(step / 1000) for step in range(1001)))

    def _warp(self, number: float) -> float:
        if self.scale == "linear":
            return number
        return math.log(number) if self.scale == "log" else -math.log(1 - number)

    def _unwarp(self, place: float) -> float:
        if self.scale == "linear":
            return place
        return math.exp(place) if self.scale == "log" else 1 - math.exp(-place)

    def _short(self, number: float) -> float:
        if self.scale == "linear":
            return round(number, 2 - math.floor(math.log10(self.high - self.low)))
        if self.scale == "log":
            return significant(number, max(3, 3 - math.floor(math.log10(self.high / self.low - 1))))
        return round(1 - significant(1 - number, 2), 12)


@dataclass(frozen=True)
class Choices:
    """Two or more literal values of any kind."""

    values: tuple[Value, ...]

    @property
    def ordered(self) -> bool:
        """Whether neighbours are alike: three rising numbers or more."""
        numbers = [float(value or 0) for value in self.values if type(value) in (int, float)]
        return 2 < len(numbers) == len(self.values) and numbers == sorted(numbers)

    @property
    def categories(self) -> int:
        """How many choices without neighbours it has."""
        return 0 if self.ordered else len(self.values)

    def place(self, value: Value) -> Place:
        """Where a value it knows stands."""
        return self.index(value) if self.categories else self.unit(value)

    def at(self, place: Place) -> Value:
        """The value at a place."""
        return self.values[int(place)] if self.categories else self.value(place)

    def options(self) -> list[Value]:
        """Its values."""
        return list(self.values)

    def knows(self, value: Value) -> bool:
        """Whether it is one of the values."""
        return any(same(one, value) for one in self.values)

    def index(self, value: Value) -> int:
        """Where a value it knows stands."""
        return next(at for at, one in enumerate(self.values) if same(one, value))

    def unit(self, value: Value) -> float:
        """The middle of the share of [0, 1] that a value it knows has."""
        return (self.index(value) + 0.5) / len(self.values)

    def value(self, unit: float) -> Value:
        """The value in whose share of [0, 1] `unit` lies."""
        return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]


Domain = Range | Choices


def end_of(domain: Domain, value: Value) -> str:
    """`low` or `high` where a value stands at that end of what it may be, close to it or beyond."""
    if not domain.knows(value) or domain.categories:
        return ""
    if isinstance(domain, Choices):
        place = domain.index(value) / (len(domain.values) - 1)
    else:
        place = domain.unit(value)
    return "low" if place <= _CLOSE else "high" if place >= 1 - _CLOSE else ""


def significant(number: float, digits: int) -> float:
    """`number` rounded to that many significant digits."""
    return float(f"{number:.{digits}g}")
