"""Where a measured node stands, and by its fresh trials whether it replaces the incumbent.

A node's first trials say whether it contends. They selected it, so they are no evidence. What it is
promoted by are trials that it runs afterwards, under a plan: so many at most, compared in one way,
for a share of the campaign's error. The judge looks after a few of them, after more, and so on;
each look spends its part of the share (Bonferroni, as in P. Armitage et al., JRSS A 132, 1969).
`benchmarks/promotion.py` measures how often it is wrong, for noise of many shapes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...gitlab.record.facts import Interval, Noise, Plan, Signed, Status, Verdict
from ...gitlab.record.records import Measure
from ...gitlab.tree.node import mean, values_of
from .comparison import Comparison, compare_all, compare_pairs
from .noise import quantile
from .one_draw import is_one_draw, is_still
from .plan import looks_of
from .replication import FIRST
from .ruling import (
    Rivals,
    Ruling,
    Standard,
    exact,
    failed,
    first,
    margin,
    may_be_simpler,
    no_better,
    one_draw,
    oriented,
    short,
    simpler,
)

_BOTH_SIDES = 0.975


@dataclass(frozen=True)
class Incumbent:
    """Who is to be beaten."""

    trials: Sequence[Measure]
    fresh: Sequence[Measure]
    """Those of them that had no part in its selection."""


def contest(
    standard: Standard,
    trials: Sequence[Measure],
    incumbent: Incumbent | None,
    noise: Noise,
    plan: Plan | None,
    error: float,
) -> Ruling | None:
    """The ruling that a node's trials allow; None asks for another trial.

    `incumbent` is None where nothing was promoted yet. By a `plan` the node may spend `error`.
    """
    for trial in trials:
        if trial.status is not Status.OK:
            return replace(failed(trial, error if plan else None), plan=plan)
    values = values_of(trials, standard.metric)
    if not values:
        return None
    if incumbent is None:
        return first(standard, values, noise)
    lines = (mean(tuple(values_of(of, "code_lines").values())) for of in (incumbent.trials, trials))
    old, new = ((0.0 if count is None else count) for count in lines)
    # An agent sees no more than what older nodes measured, each on every seed at most.
    older = standard.replicates * max(trials[0].trial.node, 1)
    rivals = Rivals(values, values_of(incumbent.fresh, standard.metric), old - new, older)
    if not rivals.incumbent:
        return Ruling(Verdict.DISCARD, "n=0", "the incumbent has no results to compare with")
    if plan is None and (standard.is_single or not noise.sd):
        return exact(standard, rivals)
    if plan is None:
        return _standing(standard, rivals)
    everything = values_of(incumbent.trials, standard.metric)
    fresh = values_of(trials[plan.after :], standard.metric)
    return _confirmed(standard, rivals, fresh, everything, noise, plan, error)


def planned(standing: Ruling, plan: Plan, error: float) -> Ruling:
    """The ruling that begins to confirm a node which stands so."""
    how = "pair by pair" if plan.paired else "against all of the incumbent's"
    reason = f"{standing.reason}; up to {plan.most} fresh trials say so or not, {how}"
    return replace(standing, reason=reason, error_spent=error, plan=plan)


def _standing(standard: Standard, rivals: Rivals) -> Ruling:
    """From trials that selected it: whether it is ahead, which is no claim."""
    ours, theirs = (mean(tuple(of.values())) for of in (rivals.candidate, rivals.incumbent))
    assert ours is not None, "a candidate was measured"
    assert theirs is not None, "so was the incumbent"
    gain = oriented(standard, rivals, ours - theirs)
    ahead = gain - margin(standard, rivals)
    metric, shown = standard.metric, f"n={len(rivals.candidate)}"
    if gain > 0:
        word = f"{metric} is ahead by {ahead:.6g}, not confirmed"
        return Ruling(Verdict.CONTEND, shown, word, Signed(ours - theirs))
    reason = short(metric, ahead, standard.min_effect) if ahead > 0 else no_better(metric, ahead)
    return Ruling(Verdict.DISCARD, shown, reason, Signed(ours - theirs))


def _confirmed(
    standard: Standard,
    rivals: Rivals,
    fresh: Mapping[int, float],
    everything: Mapping[int, float],
    noise: Noise,
    plan: Plan,
    error: float,
) -> Ruling | None:
    scale = _Scale.of(standard, rivals, plan, (fresh, everything))
    ours = scale.candidate(fresh)
    theirs = scale.incumbent(rivals.incumbent)
    if plan.paired:
        every = scale.incumbent(everything)
        found = compare_pairs(ours, every, list(theirs.values()))
        seen = sum(replicate in every for replicate in ours)
    else:
        found = compare_all(list(ours.values()), list(theirs.values()))
        seen = len(ours) if len(theirs) >= len(ours) else 0
    looks = looks_of(plan.most)
    if found is None or seen != len(ours) or (seen not in looks and seen < plan.most):
        return None
    level = 1 - error / max(len(looks), 1)
    if seen <= plan.most and found.gain > found.reaches(level):
        if is_one_draw(rivals.candidate.values(), noise):
            return replace(one_draw(standard, rivals, noise, error), plan=plan)
        if seen < plan.most and is_still(rivals.candidate.values(), noise):
            return None
        if len(rivals.candidate) < FIRST and is_still(rivals.candidate.values(), noise):
            return replace(one_draw(standard, rivals, noise, error), plan=plan)
        return scale.ruling(Verdict.KEEP, found, "", error)
    if why := _why_not(found, level, seen, plan.most):
        return scale.ruling(Verdict.DISCARD, found, f": {why}", error)
    return None


def _why_not(found: Comparison, level: float, seen: int, most: int) -> str:
    """Why the fresh trials that do not suffice never will; empty while they still may."""
    if seen >= most:
        return "that does not suffice to claim it"
    if found.gain <= 0:
        return "it does not last over fresh trials"
    # Where the gain stays as it is, or turns out a standard error better, and is known better.
    needed = found.error * math.sqrt(seen / most) * quantile(level, found.freedom)
    return "" if found.gain + found.error >= needed else "the plan's trials can no longer suffice"


@dataclass(frozen=True)
class _Scale:
    """What is compared: lower is better, and the margin that is asked for is in it."""

    standard: Standard
    rivals: Rivals
    plan: Plan
    act: Callable[[float], float]

    @classmethod
    def of(
        cls,
        standard: Standard,
        rivals: Rivals,
        plan: Plan,
        values: Sequence[Mapping[int, float]],
    ) -> "_Scale":
        everything = [value for some in (*values, rivals.incumbent) for value in some.values()]
        is_log = plan.log and min(everything, default=0) > 0
        sign = 1.0 if standard.goal == "minimize" else -1.0
        return cls(standard, rivals, plan, lambda v: sign * (math.log(v) if is_log else v))

    def incumbent(self, values: Mapping[int, float]) -> dict[int, float]:
        return {replicate: self.act(value) for replicate, value in values.items()}

    def candidate(self, values: Mapping[int, float]) -> dict[int, float]:
        shift = 0.0 if self.plan.log else margin(self.standard, self.rivals)
        return {replicate: self.act(value) - shift for replicate, value in values.items()}

    def ruling(self, verdict: Verdict, found: Comparison, why: str, error: float) -> Ruling:
        """The verdict, with the interval that it rests on."""
        standard = self.standard
        shift = 0.0 if self.plan.log else margin(standard, self.rivals)
        ahead = found.gain - shift
        reach = found.reaches(_BOTH_SIDES)
        delta = -ahead if standard.goal == "minimize" else ahead
        if self.plan.log:
            around = Interval(math.expm1(delta - reach), math.expm1(delta + reach))
            shown, unit = Signed(math.expm1(delta)), "relative, "
        else:
            around, shown, unit = Interval(delta - reach, delta + reach), Signed(delta), ""
        word = "improved" if ahead > 0 else "worse"
        size = f"{standard.metric} {word} by {abs(shown):.6g} {unit}over {found.count} fresh trials"
        if verdict is Verdict.KEEP and may_be_simpler(standard, self.rivals):
            size = simpler(standard, self.rivals, ahead)
        kind = "paired" if self.plan.paired else "fresh"
        shown_by = f"n={found.count} {kind}, {unit}95% CI {around}"
        return Ruling(verdict, shown_by, size + why, shown, error, self.plan)
