"""How a campaign stands: what an allocation of trials goes by, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...gitlab.record.facts import Purpose
from ..promotion.plan import LOOKS


@dataclass(frozen=True)
class Contender:
    """A measured node that nobody tried to confirm yet."""

    node: int
    gain: float
    """By how much the mean of its trials is ahead of the incumbent; what counts as better is
    positive."""
    trials: int


@dataclass(frozen=True)
class Standing:
    """The figures of one base of a campaign."""

    contenders: Sequence[Contender]
    """The few that are furthest ahead, the first by most."""
    noise: float
    """Standard deviation between the incumbent's trials."""
    fresh: int
    """Trials of the incumbent that had no part in its selection."""
    paired: bool
    """Whether each fresh trial of a candidate needs one of the incumbent beside it."""
    since: int
    """Nodes explored after the one that is furthest ahead."""
    spent: int
    """Trials of any kind."""
    judging: int
    """Those of them which were races, pairs and estimates."""
    left: int | None
    """Trials that may follow; None where nothing says so."""
    error: float
    """What the next one to be confirmed may spend of the campaign's error."""
    longest: int = LOOKS[-1]
    """Fresh trials that a candidate may have at most."""
    is_explored: bool = False
    """Whether nobody proposes anything new."""


@dataclass(frozen=True)
class Next:
    """What the next trial is for, and of which node; None is a new one."""

    purpose: Purpose
    node: int | None = None
    most: int = 0
    """Fresh trials, at most, by which it is confirmed or not."""


EXPLORE = Next(Purpose.EXPLORE)
Allocation = Callable[[Standing], Next]
