"""What to try next: values for the knobs, from what is known of earlier trials.

Half the draws are small steps from the best trial, which pay from the first trial on; half are
where a Gaussian process expects the most of a trial. `benchmarks/progress.py` measures it beside
other optimisers, `benchmarks/tuner.py` on real trials.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, log, prod

from ....gitlab.errors import NothingToDo
from ....gitlab.record.facts import Goal
from .gaussian_process import most_promising
from .knobs import Knob
from .knobs.domains import Place, Value
from .layout import Layout

_LEARN_AFTER = 6
_STEP = (0.05, 0.4)
_LEAST_STEP = 0.03
"""A change too small to measure is a trial wasted."""
_STEPS_AT_ONCE = 3
_DRAWS = 20
_LISTABLE = 20_000
_LOOSEN = "look at them and at the ranges: airesearch knobs"


class Exhausted(NothingToDo):
    """Every combination of the knobs' values has been tried."""


@dataclass(frozen=True)
class _Trial:
    places: Mapping[str, Place]
    loss: float | None
    """None where it failed."""


@dataclass(frozen=True)
class Scored:
    """A measured trial: its knobs' values by name, and its score, None if it failed."""

    values: Mapping[str, Value]
    score: float | None


Mend = Callable[[dict[str, Value]], dict[str, Value] | None]
"""The nearest values that may be tried; None where there are none."""


def suggest(
    knobs: Sequence[Knob],
    past: Sequence[Scored],
    goal: Goal,
    seed: int,
    mend: Mend = lambda values: values,
) -> dict[str, Value]:
    """Values for every knob, not tried before; the same arguments give the same values.

    The knobs' own values stand for what a trial does not tell. What is drawn goes through `mend`.
    Raises Exhausted when nothing is left to try.
    """
    rng = random.Random(seed)
    sign = 1 if goal == "minimize" else -1
    trials = []
    for trial in past:
        known = [(knob, trial.values[knob.name]) for knob in knobs if knob.name in trial.values]
        places = {k.name: k.domain.place(value) for k, value in known if k.domain.knows(value)}
        trials.append(_Trial(places, None if trial.score is None else sign * trial.score))
    tried = {_key(knobs, trial.values) for trial in past}
    for _ in range(_DRAWS):
        drawn = _draw(knobs, trials, rng)
        values = mend({knob.name: knob.domain.at(drawn[knob.name]) for knob in knobs})
        if values is not None and _key(knobs, values) not in tried:
            return values
    return _untried(knobs, tried, rng, mend)


def _key(knobs: Sequence[Knob], values: Mapping[str, Value]) -> str:
    there = [values.get(knob.name, ...) for knob in knobs]
    return repr([float(value) if type(value) is int else value for value in there])


def _draw(
    knobs: Sequence[Knob], trials: Sequence[_Trial], rng: random.Random
) -> Mapping[str, Place]:
    told = [(trial.loss, trial.places) for trial in trials if trial.loss is not None]
    if told and rng.random() < 0.5:
        return _step(knobs, min(told, key=lambda one: one[0])[1], rng)
    if len(told) < _LEARN_AFTER:
        return {knob.name: _anywhere(knob, rng) for knob in knobs}
    return _learned(knobs, trials, rng.getrandbits(31))


def _step(
    knobs: Sequence[Knob], start: Mapping[str, Place], rng: random.Random
) -> dict[str, Place]:
    """A few knobs a little off `start`, each kept in [0, 1] as by mirrors at its ends."""
    width = exp(rng.uniform(*map(log, _STEP)))
    count = min(len(knobs), rng.randint(1, _STEPS_AT_ONCE))
    places = {**{knob.name: knob.domain.place(knob.value) for knob in knobs}, **start}
    for knob in rng.sample(list(knobs), count):
        place, many = places[knob.name], knob.domain.categories
        if many:
            places[knob.name] = rng.choice([other for other in range(many) if other != place])
            continue
        step = rng.gauss(0, width)
        while abs(step) < _LEAST_STEP:
            step = rng.gauss(0, width)
        places[knob.name] = max(0.0, 1 - abs(1 - abs(place + step)))
    return places


def _anywhere(knob: Knob, rng: random.Random) -> Place:
    many = knob.domain.categories
    return rng.randrange(many) if many else rng.random()


def _learned(knobs: Sequence[Knob], trials: Sequence[_Trial], seed: int) -> dict[str, Place]:
    """Where the Gaussian process expects the most."""
    layout = Layout(knobs)
    told = [(layout.row(trial.places), trial.loss) for trial in trials]
    best = most_promising(
        [row for row, loss in told if loss is not None],
        [loss for _, loss in told if loss is not None],
        [row for row, loss in told if loss is None],
        layout.choices,
        seed,
    )
    return layout.places(best)


def _untried(
    knobs: Sequence[Knob], tried: set[str], rng: random.Random, mend: Mend
) -> dict[str, Value]:
    options = [knob.domain.options() for knob in knobs]
    names = [knob.name for knob in knobs]
    if prod(map(len, options)) > _LISTABLE:
        for _ in range(_DRAWS):
            values = mend({knob.name: knob.domain.at(_anywhere(knob, rng)) for knob in knobs})
            if values is not None:
                return values
        raise Exhausted("no values were found that the code's conditions on them allow", _LOOSEN)
    every = [dict(zip(names, values, strict=True)) for values in product(*options)]
    allowed = [values for values in every if mend(values) == values]
    left = [values for values in allowed if _key(knobs, values) not in tried]
    if not left:
        raise Exhausted(
            f"all {len(allowed)} combinations of {', '.join(names)} have been tried",
            "widen a range in the source: NAME = 0.1  # range: 1e-4..1 log",
        )
    return rng.choice(left)
