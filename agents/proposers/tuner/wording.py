"""How the tuner says what it changed and what it knew."""

from collections.abc import Mapping, Sequence

from ..base import Brief
from .knobs import Knob
from .knobs.domains import Choices, Domain, Value
from .sampler import Scored

_SUBJECT_LIMIT = 60


def split_name(name: str) -> tuple[str, str]:
    """`train.py:SVC.C` as its file and the knob's name in it."""
    stem, _, knob = name.partition(".py:")
    return f"{stem}.py", knob


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
    moves = [
        f"- {label}: {before[name]} -> {changed[name]} ({_limits(domains[name])})"
        for name, label in _labels(changed)
    ]
    return "\n".join(["Changed against the parent:", *moves, "", _known(past, brief)])


def _labels(changed: Mapping[str, Value]) -> list[tuple[str, str]]:
    one_file = len({split_name(name)[0] for name in changed}) == 1
    return [(name, split_name(name)[1] if one_file else name) for name in changed]


def _limits(domain: Domain) -> str:
    if isinstance(domain, Choices):
        return "of " + ", ".join(map(str, domain.values))
    return f"{domain.low:g} to {domain.high:g}, {domain.scale}"


def _known(past: Sequence[Scored], brief: Brief) -> str:
    failed = sum(one.score is None for one in past)
    text = f"The sampler knew {len(past)} trials, {failed} of them failed."
    scores = [(one.score, one.node) for one in brief.past if one.score is not None]
    if not scores:
        return text
    score, node = (min if brief.goal == "minimize" else max)(scores)
    return f"{text} The best was {brief.metric}={score:.6g}, node {node}."
