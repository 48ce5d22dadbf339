"""How the tuner says what it changed and what it knew."""

from collections.abc import Mapping, Sequence

from ..base import Brief
from .knobs import Knob
from .knobs.domains import Choices, Value
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


def body(
    knobs: Sequence[Knob],
    before: Mapping[str, Value],
    changed: Mapping[str, Value],
    past: Sequence[Scored],
    brief: Brief,
) -> str:
    """What changed against the parent, within what limits, and what the sampler knew."""
    domains = {knob.name: knob.domain for knob in knobs}
    lines = ["Changed against the parent:"]
    for name, label in _labels(changed):
        domain = domains[name]
        if isinstance(domain, Choices):
            limits = "of " + ", ".join(map(str, domain.values))
        else:
            limits = f"{domain.low:g} to {domain.high:g}, {domain.scale}"
        lines.append(f"- {label}: {before[name]} -> {changed[name]} ({limits})")
    failed = sum(one.score is None for one in past)
    known = f"The sampler knew {len(past)} trials, {failed} of them failed."
    scores = [(one.score, one.node) for one in brief.past if one.score is not None]
    if scores:
        score, node = (min if brief.goal == "minimize" else max)(scores)
        known += f" The best was {brief.metric}={score:.6g}, node {node}."
    return "\n".join([*lines, "", known])


def _labels(changed: Mapping[str, Value]) -> list[tuple[str, str]]:
    """Each name, and how it is called: without its file where all are in one."""
    parts = {name: name.partition(".py:") for name in changed}
    one_file = len({stem for stem, _, _ in parts.values()}) == 1
    return [(name, knob if one_file else name) for name, (_, _, knob) in parts.items()]
