"""How much each knob mattered, as far as measured trials tell."""

from collections.abc import Mapping, Sequence

from ....gitlab.record.facts import Goal
from .gaussian_process import influence
from .knobs import Knob
from .knobs.domains import Value, same
from .layout import Layout
from .sampler import Scored

_ENOUGH = 8
"""With fewer trials nothing is said."""


def influences(knobs: Sequence[Knob], past: Sequence[Scored], goal: Goal) -> dict[str, float]:
    """The share of each knob in what the metric is predicted to move; nothing of too few trials."""
    told = [one for one in past if one.score is not None and _knows(knobs, one.values)]
    turned = [knob for knob in knobs if any(_is_moved(knob, one.values, told) for one in told)]
    if len(told) < _ENOUGH or not turned:
        return {}
    layout = Layout(turned)
    rows = [
        layout.row({k.name: k.domain.place(one.values[k.name]) for k in turned}) for one in told
    ]
    sign = 1 if goal == "minimize" else -1
    shares = influence(rows, [sign * (one.score or 0) for one in told], layout.spans, seed=0)
    found = dict.fromkeys((knob.name for knob in knobs), 0.0)
    return found | dict(zip((knob.name for knob in turned), shares, strict=True))


def _knows(knobs: Sequence[Knob], values: Mapping[str, Value]) -> bool:
    return all(knob.name in values and knob.domain.knows(values[knob.name]) for knob in knobs)


def _is_moved(knob: Knob, values: Mapping[str, Value], told: Sequence[Scored]) -> bool:
    return not same(values[knob.name], told[0].values[knob.name])
