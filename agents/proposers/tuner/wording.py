"""How the tuner says what it changed and what it knew."""

from collections.abc import Collection, Mapping, Sequence

from ..base import Brief
from .knobs.domains import Choices, Domain, Value, end_of
from .lessons import Lessons
from .sampler import Scored

_SUBJECT_LIMIT = 60


def subject(before: Mapping[str, Value], changed: Mapping[str, Value]) -> str:
    """`LR 0.3 -> 0.08, HIDDEN 16 -> 64 +2 more`, of at most 60 characters where names allow."""
    moves = [f"{label} {before[name]} -> {changed[name]}" for name, label in _labels(changed)]
    for count in range(len(moves), 0, -1):
        rest = len(moves) - count
        text = ", ".join(moves[:count]) + (f" +{rest} more" if rest else "")
        if len(text) <= _SUBJECT_LIMIT:
            return text
    return f"{len(moves)} knobs turned" if len(moves) != 1 else "1 knob turned"


def limits(domain: Domain) -> str:
    """What a knob may be: `of 1, 2, 4` or `0.001 to 1, log`."""
    if isinstance(domain, Choices):
        return "of " + ", ".join(map(str, domain.values))
    return f"{domain.low:g} to {domain.high:g}, {domain.scale}"


def plural_knobs(names: Collection[str]) -> str:
    """`these 2 knobs, a.py:LR and a.py:N`; of many, the first three."""
    shown = sorted(names)[:3]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    listed = ", ".join(shown) + more
    return f"this knob, {listed}," if len(names) == 1 else f"these {len(names)} knobs, {listed},"


def body(
    lessons: Lessons,
    before: Mapping[str, Value],
    changed: Mapping[str, Value],
    past: Sequence[Scored],
    brief: Brief,
) -> str:
    """What changed against the parent, within what limits, and what the sampler knew."""
    domains = {knob.name: knob.domain for knob in lessons.knobs}
    lines = ["Changed against the parent:"]
    for name, label in _labels(changed):
        at_end = ": at its end" if end_of(domains[name], changed[name]) else ""
        allowed = limits(domains[name])
        lines.append(f"- {label}: {before[name]} -> {changed[name]} ({allowed}{at_end})")
    lines += [f"Left alone: {name}: {why}" for name, why in lessons.alone.items()]
    failed = sum(one.score is None for one in past)
    known = f"The sampler knew {len(past)} trials, {failed} of them failed."
    scores = [(one.score, one.node) for one in brief.past if one.score is not None]
    if scores:
        score, node = (min if brief.goal == "minimize" else max)(scores)
        known += f" The best was {brief.metric}={score:.6g}, node {node}."
    return "\n".join([*lines, "", known])


def _labels(changed: Mapping[str, Value]) -> list[tuple[str, str]]:
    """Each name, and how it is called: without its file where all are in one."""
    parts = {name: name.partition(":") for name in changed}
    one_file = len({path for path, _, _ in parts.values()}) == 1
    return [(name, knob if one_file else name) for name, (_, _, knob) in parts.items()]
