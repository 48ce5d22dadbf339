"""Explore on single trials; race the few best, then confirm the best, when it is time.

It is time when nothing new has got ahead for a while, or when what is left just pays for it. Races,
both sides of pairs and estimates get a third of the trials at most.
"""

import math
from dataclasses import dataclass

from ...gitlab.record.facts import Purpose
from ..promotion.noise import quantile
from ..promotion.plan import LOOKS, looks_of
from ..promotion.replication import ESTIMATE
from .standing import EXPLORE, Contender, Next, Standing

PATIENCE = 12
"""Nodes explored without anything better, after which the best is confirmed."""
SHARE = 1 / 3
"""Of all trials, what judging may take."""
POOL = 2
"""Nodes that race."""
RACE = 2
"""Trials of each of them."""
_CLEARLY = 0.8
"""Standard errors by which a gain is to be larger than what suffices."""
_LITTLE_HOPE = -1.0
"""The same, where a last chance would pass unused."""
_CAUTION = 0.3
"""Standard errors that a mean of few trials counts for less."""


@dataclass(frozen=True)
class _Course:
    """What could be done now: race a pool, then confirm its best."""

    pool: list[Contender]
    most: int
    cost: int

    def begin(self) -> Next:
        racing = [one for one in self.pool if one.trials < _wanted(self.pool, one)]
        if racing:
            return Next(Purpose.RACE, min(racing, key=lambda one: one.trials).node)
        return Next(Purpose.CONFIRM, self.pool[0].node, self.most)


def staged(now: Standing) -> Next:
    """The next trial of a campaign that stands so."""
    pool = sorted(now.contenders, key=lambda one: -_cautious(now, one))[:POOL]
    pool = [one for one in pool if _cautious(now, one) > 0]
    if not pool:
        return EXPLORE
    course = _course(now, pool, 0.0)
    if course is not None and (_is_time(now, course.cost) or _is_last(now, course.cost)):
        return course.begin()
    # Who loses a race makes room for the next, so races may use up what was to confirm the best:
    # the fewer trials are left, the fewer race. And what is found beyond a last chance is lost,
    # so that is taken with less hope too.
    for size in range(len(pool), 0, -1):
        course = _course(now, pool[:size], _LITTLE_HOPE)
        if course is not None:
            return course.begin() if _is_last(now, course.cost) else EXPLORE
    return EXPLORE


def best_contender(now: Standing) -> tuple[Contender, int] | None:
    """Who would be confirmed first, and by about how many trials; 0 are more than may be."""
    one = max(now.contenders, key=lambda one: _cautious(now, one), default=None)
    if one is None:
        return None
    most = _most_for(now, one, 0, 0.0)
    return one, _cost_of(now, most) if most else 0


def _course(now: Standing, pool: list[Contender], hope: float) -> _Course | None:
    races = _races_left(pool)
    most = _most_for(now, pool[0], races, hope)
    return _Course(pool, most, races + _cost_of(now, most)) if most else None


def _cautious(now: Standing, one: Contender) -> float:
    return one.gain - _CAUTION * now.noise / math.sqrt(one.trials)


def _wanted(pool: list[Contender], one: Contender) -> int:
    """Trials before it is confirmed: who is alone needs no race."""
    return RACE if len(pool) > 1 else 1


def _races_left(pool: list[Contender]) -> int:
    return sum(max(_wanted(pool, one) - one.trials, 0) for one in pool)


def _most_for(now: Standing, one: Contender, races: int, hope: float) -> int:
    """Fresh trials that a gain as large as it looks needs; 0 where those allowed do not suffice."""
    gain = _cautious(now, one)
    for most in reversed(looks_of(now.longest)):
        if now.left is not None and races + _cost_of(now, most) > now.left:
            continue
        if not _would_do(now, gain, most, hope):
            return 0
        return next(few for few in LOOKS if few == most or _would_do(now, gain, few, _CLEARLY))
    return 0


def _would_do(now: Standing, gain: float, most: int, clearly: float) -> bool:
    theirs = most if now.paired else max(now.fresh, most)
    error = now.noise * math.sqrt(1 / most + 1 / theirs)
    level = 1 - now.error / len(looks_of(most))
    return gain > error * (quantile(level, 3 + most) + clearly)


def _cost_of(now: Standing, most: int) -> int:
    """Trials of either side, and the estimate."""
    return most + (most if now.paired else max(most - now.fresh, 0)) + ESTIMATE


def _is_last(now: Standing, cost: int) -> bool:
    """Whether this is the last chance: what is left pays for it, and for few more nodes before."""
    if now.is_explored:
        return True
    if now.left is None or now.left > cost + 2 + cost // 4:
        return False
    return now.judging + cost <= SHARE * (now.spent + now.left)


def _is_time(now: Standing, cost: int) -> bool:
    return now.since >= PATIENCE and now.judging + cost <= SHARE * (now.spent + cost)
