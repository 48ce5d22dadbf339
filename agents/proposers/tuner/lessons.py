"""What trials have taught of knobs: which change nothing, and which choices only ever fail."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from .knobs import Knob
from .knobs.domains import Choices, Value, same

_ENOUGH = 6
"""So many trials that differ in a knob, all with one score, say that it has no effect."""
_FAILURES = 3
"""So many failures of a choice, and nothing else, say that it cannot be had."""
_COMPARED = 80
"""Trials that are compared with each other at most: the newest."""


@dataclass(frozen=True)
class Experience:
    """A trial of the code as it is now: its literals by name, and its score, None if it failed."""

    values: Mapping[str, Value]
    score: float | None


@dataclass(frozen=True)
class Lessons:
    """The knobs that are worth a trial, and why the others are not."""

    knobs: tuple[Knob, ...]
    alone: Mapping[str, str]


def learn(
    knobs: Sequence[Knob], past: Sequence[Experience], current: Mapping[str, Value]
) -> Lessons:
    """What is left to turn after what was tried; `current` is where the next trial starts from."""
    alone = _dead(knobs, past, current)
    kept = []
    for knob in knobs:
        if knob.name in alone:
            continue
        failing = _failing(knob, past, current[knob.name])
        if failing:
            left = _without(knob, failing)
            if left is None:
                tried = len([one for one in past if not same_at(one, current, knob.name)])
                alone[knob.name] = f"all {tried} trials that changed it failed"
                continue
            knob = left
        kept.append(knob)
    return Lessons(tuple(kept), alone)


def same_at(one: Experience, current: Mapping[str, Value], name: str) -> bool:
    """Whether a trial has the current value of a knob."""
    return name in one.values and same(one.values[name], current[name])


def _failing(knob: Knob, past: Sequence[Experience], now: Value) -> list[Value]:
    """The values that only ever failed: choices one by one, a range as a whole."""
    there = [(one.values.get(knob.name), one.score) for one in past if knob.name in one.values]
    others = [(value, score) for value, score in there if not same(value, now)]
    if not any(score is not None and same(value, now) for value, score in there):
        return []
    if not isinstance(knob.domain, Choices):
        has_failed = len(others) >= _FAILURES + 2 and all(score is None for _, score in others)
        return [value for value, _ in others] if has_failed else []
    failing = []
    for choice in knob.domain.values:
        scores = [score for value, score in others if same(value, choice)]
        if len(scores) >= _FAILURES and all(score is None for score in scores):
            failing.append(choice)
    return failing


def _without(knob: Knob, failing: Sequence[Value]) -> Knob | None:
    if not isinstance(knob.domain, Choices):
        return None
    left = [v for v in knob.domain.values if not any(same(v, one) for one in failing)]
    return replace(knob, domain=Choices(tuple(left))) if len(left) > 1 else None


def _dead(
    knobs: Sequence[Knob], past: Sequence[Experience], current: Mapping[str, Value]
) -> dict[str, str]:
    """Those whose change never changed the score, by themselves or together."""
    texts = [knob.name for knob in knobs if isinstance(current[knob.name], str)]
    # A trial with another text may wake up what does nothing beside this one.
    alike = [one for one in past if all(same_at(one, current, name) for name in texts)]
    trials = [one for one in alike if one.score is not None][-_COMPARED:]
    names = {knob.name for knob in knobs}
    suspects = {
        name
        for one, other in combinations(trials, 2)
        if one.score == other.score and (changed := _changed(one, other)) <= names
        for name in changed
    }
    evidence: dict[str, int] = {}
    while suspects:
        groups = _alike_but_for(suspects, trials)
        blamed = Counter(
            name
            for group in groups
            for one, other in combinations(group, 2)
            if one.score != other.score
            for name in _changed(one, other)
        )
        evidence = {name: sum(_differing(group, name) for group in groups) for name in suspects}
        most = max(blamed.values(), default=0)
        guilty = {name for name, count in blamed.items() if count == most}
        innocent = guilty or {name for name in suspects if evidence[name] < _ENOUGH}
        if not innocent:
            break
        suspects -= innocent
    return {
        name: f"{evidence[name]} trials differed in it, and in nothing the metric can see"
        for name in sorted(suspects)
    }


def _changed(one: Experience, other: Experience) -> set[str]:
    names = one.values.keys() | other.values.keys()
    return {n for n in names if not same(one.values.get(n), other.values.get(n))}


def _alike_but_for(names: set[str], trials: Sequence[Experience]) -> list[list[Experience]]:
    """The trials in groups that differ in nothing but these names."""
    groups: dict[str, list[Experience]] = {}
    for one in trials:
        rest = repr(sorted((n, repr(v)) for n, v in one.values.items() if n not in names))
        groups.setdefault(rest, []).append(one)
    return [group for group in groups.values() if len(group) > 1]


def _differing(group: Sequence[Experience], name: str) -> int:
    """How many of them have another value than most."""
    counts = Counter(repr(one.values.get(name)) for one in group)
    return len(group) - max(counts.values())
