"""What to try next: values for the knobs, from what is known of earlier trials.

Half the draws are small steps from the best trial, which pay from the first trial on, half are
Optuna's multivariate TPE, which learns how knobs go together. `benchmarks/tuner.py` measures it.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, log, prod

from ....gitlab.errors import NothingToDo
from ....gitlab.record.facts import Goal
from .knobs import Knob
from .knobs.domains import Choices, Value

_TPE_AFTER = 8
_STEP = (0.05, 0.4)
_LEAST_STEP = 0.03
"""A change too small to measure is a trial wasted."""
_STEPS_AT_ONCE = 3
_DRAWS = 20
_LISTABLE = 20_000

Place = float | int


class Exhausted(NothingToDo):
    """Every combination of the knobs' values has been tried."""


@dataclass(frozen=True)
class Scored:
    """A measured trial: its knobs' values by name, and its score, None if it failed."""

    values: Mapping[str, Value]
    score: float | None


def suggest(
    knobs: Sequence[Knob], past: Sequence[Scored], goal: Goal, seed: int
) -> dict[str, Value]:
    """Values for every knob, not tried before; the same arguments give the same values.

    The knobs' own values stand for what a trial does not tell. A failed trial counts as worse
    than the worst. Raises Exhausted when nothing is left to try.
    """
    rng = random.Random(seed)
    tried = {_key(knobs, trial.values) for trial in past}
    trials = _trials(knobs, past, goal)
    for _ in range(_DRAWS):
        values = _values(knobs, _draw(knobs, trials, rng))
        if _key(knobs, values) not in tried:
            return values
    return _untried(knobs, tried, rng)


@dataclass(frozen=True)
class _Trial:
    places: Mapping[str, Place]
    loss: float


def _trials(knobs: Sequence[Knob], past: Sequence[Scored], goal: Goal) -> list[_Trial]:
    sign = 1 if goal == "minimize" else -1
    known = [sign * trial.score for trial in past if trial.score is not None]
    best, worst = min(known, default=0.0), max(known, default=0.0)
    failed = worst + (worst - best) + 1e-9
    return [
        _Trial(_places(knobs, one.values), failed if one.score is None else sign * one.score)
        for one in past
    ]


def _draw(
    knobs: Sequence[Knob], trials: Sequence[_Trial], rng: random.Random
) -> Mapping[str, Place]:
    if trials and rng.random() < 0.5:
        return _step(knobs, min(trials, key=lambda trial: trial.loss).places, rng)
    if len(trials) < _TPE_AFTER:
        return {knob.name: _anywhere(knob, rng) for knob in knobs}
    return _tpe(knobs, trials, rng.getrandbits(31))


def _step(
    knobs: Sequence[Knob], start: Mapping[str, Place], rng: random.Random
) -> dict[str, Place]:
    width = exp(rng.uniform(*map(log, _STEP)))
    count = min(len(knobs), rng.randint(1, _STEPS_AT_ONCE))
    moved = {knob.name: _near(knob, start, width, rng) for knob in rng.sample(list(knobs), count)}
    return {**{knob.name: _place(knob, knob.value) for knob in knobs}, **start, **moved}


def _near(knob: Knob, start: Mapping[str, Place], width: float, rng: random.Random) -> Place:
    place = start.get(knob.name, _place(knob, knob.value))
    if choices := _unordered(knob):
        return rng.choice([other for other in range(len(choices.values)) if other != place])
    step = rng.gauss(0, width)
    while abs(step) < _LEAST_STEP:
        step = rng.gauss(0, width)
    moved = abs(place + step)
    return max(0.0, 1 - abs(1 - moved))


def _anywhere(knob: Knob, rng: random.Random) -> Place:
    choices = _unordered(knob)
    return rng.randrange(len(choices.values)) if choices else rng.random()


def _tpe(knobs: Sequence[Knob], trials: Sequence[_Trial], seed: int) -> Mapping[str, Place]:
    import optuna  # only here: not every command needs it, and it takes a while to load
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space: dict[str, BaseDistribution] = {
        knob.name: CategoricalDistribution(range(len(choices.values)))
        if (choices := _unordered(knob))
        else FloatDistribution(0, 1)
        for knob in knobs
    }
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=0, multivariate=True, constant_liar=False, seed=seed
    )
    study = optuna.create_study(sampler=sampler)
    for trial in trials:
        known = {name: space[name] for name in trial.places}
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(trial.places), distributions=known, value=trial.loss
            )
        )
    return study.ask(space).params


def _unordered(knob: Knob) -> Choices | None:
    domain = knob.domain
    return domain if isinstance(domain, Choices) and not domain.ordered else None


def _place(knob: Knob, value: Value) -> Place:
    choices = _unordered(knob)
    return choices.index(value) if choices else knob.domain.unit(value)


def _places(knobs: Sequence[Knob], values: Mapping[str, Value]) -> dict[str, Place]:
    known = [knob for knob in knobs if knob.name in values and knob.domain.knows(values[knob.name])]
    return {knob.name: _place(knob, values[knob.name]) for knob in known}


def _values(knobs: Sequence[Knob], places: Mapping[str, Place]) -> dict[str, Value]:
    return {knob.name: _value(knob, places[knob.name]) for knob in knobs}


def _value(knob: Knob, place: Place) -> Value:
    choices = _unordered(knob)
    return choices.values[int(place)] if choices else knob.domain.value(place)


def _key(knobs: Sequence[Knob], values: Mapping[str, Value]) -> str:
    there = [values.get(knob.name, ...) for knob in knobs]
    return repr([float(value) if type(value) is int else value for value in there])


def _untried(knobs: Sequence[Knob], tried: set[str], rng: random.Random) -> dict[str, Value]:
    options = [_options(knob) for knob in knobs]
    if prod(map(len, options)) > _LISTABLE:
        return _values(knobs, {knob.name: _anywhere(knob, rng) for knob in knobs})
    names = [knob.name for knob in knobs]
    every = [dict(zip(names, values, strict=True)) for values in product(*options)]
    left = [values for values in every if _key(knobs, values) not in tried]
    if not left:
        raise Exhausted(
            f"all {len(every)} combinations of {', '.join(names)} have been tried",
            "widen a range in the source: NAME = 0.1  # range: 1e-4..1 log",
        )
    return rng.choice(left)


def _options(knob: Knob) -> list[Value]:
    if isinstance(knob.domain, Choices):
        return list(knob.domain.values)
    return list(dict.fromkeys(knob.domain.value(step / 1000) for step in range(1001)))
