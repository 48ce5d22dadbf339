"""What a verdict says and rests on, and the rulings that need no fresh trials."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from ...gitlab.record.facts import Goal, Noise, Plan, Signed, Verdict
from ...gitlab.record.records import Measure
from ...gitlab.tree.node import mean
from ..task.task import Task
from .noise import interval
from .one_draw import is_one_draw, luck
from .replication import FIRST

Values = Mapping[int, float]
"""The objective's value of each replicate."""


@dataclass(frozen=True)
class Standard:
    """What a promotion is held to."""

    metric: str
    goal: Goal
    confidence: float
    min_effect: float
    replicates: int
    """Seeds in the list; 1 trusts a single trial."""
    timing: bool
    simpler: float | None
    """How much worse a candidate with fewer lines may be; None asks for a gain of everybody."""
    staged: bool = False
    """Whether nodes contend first and are confirmed by a plan, as in labs with a `team.yaml`."""

    @property
    def is_single(self) -> bool:
        """Whether a single trial is trusted, whatever the noise."""
        return self.replicates == 1

    @property
    def pairs(self) -> int:
        """Confirming pairs a candidate may use."""
        return self.replicates - FIRST


@dataclass(frozen=True)
class Ruling:
    """A verdict with what it rests on."""

    verdict: Verdict
    evidence: str
    reason: str
    delta: Signed | None = None
    error_spent: float | None = None
    """The share of the campaign's error that confirming cost."""
    plan: Plan | None = None


@dataclass(frozen=True)
class Rivals:
    """A candidate beside the incumbent: what either measured, and the lines it saves."""

    candidate: Values
    incumbent: Values
    lines_saved: float = 0.0
    older_trials: int = 1
    """So many at most had been measured before the candidate was proposed."""


def standard_of(task: Task) -> Standard:
    """The standard the task sets."""
    objective, promotion = task.objective, task.promotion
    return Standard(
        metric=objective.metric,
        goal=objective.goal,
        confidence=promotion.confidence,
        min_effect=promotion.min_effect,
        replicates=promotion.replicates,
        timing=task.is_timing,
        simpler=promotion.simpler,
        staged=task.is_split,
    )


def failed(trial: Measure, error: float | None) -> Ruling:
    """A trial that is not `ok` cannot rank, whatever the others were."""
    reason = trial.reason or f"the trial ended as {trial.status}"
    return Ruling(Verdict.FAIL, "n=0", reason, None, error)


def first(standard: Standard, values: Values, noise: Noise) -> Ruling | None:
    """A baseline is kept once its noise is known."""
    if not standard.is_single and len(values) < FIRST:
        return None
    value = mean(tuple(values.values()))
    assert value is not None, "a baseline was measured"
    shown = f"n={len(values)}"
    if len(values) > 1:
        shown += f", 95% CI {interval(value, noise.sd / math.sqrt(len(values)), noise)}"
    said = f"{standard.metric}={value:.6g} is the first measured result"
    return Ruling(Verdict.KEEP, shown, said)


def exact(standard: Standard, rivals: Rivals) -> Ruling:
    """Without noise one trial tells all."""
    value, best = (mean(tuple(v.values())) for v in (rivals.candidate, rivals.incumbent))
    assert value is not None, "a candidate was measured"
    assert best is not None, "so was the incumbent"
    delta = Signed(value - best)
    gain = -delta if standard.goal == "minimize" else delta
    bar, metric = standard.min_effect, standard.metric
    if gain > bar:
        return Ruling(Verdict.KEEP, "n=1", f"{metric} improved by {gain:.6g}", delta)
    if may_be_simpler(standard, rivals) and gain >= -(standard.simpler or 0.0):
        return Ruling(Verdict.KEEP, "n=1", simpler(standard, rivals, gain), delta)
    reason = short(metric, gain, bar) if gain > 0 else no_better(metric, gain)
    return Ruling(Verdict.DISCARD, "n=1", reason, delta)


def no_better(metric: str, gain: float) -> str:
    return f"{metric} is {-gain:.6g} worse than the incumbent" if gain else f"{metric} equal"


def short(metric: str, gain: float, bar: float) -> str:
    return f"{metric} improved by {gain:.6g}, and min_effect asks for {bar:.6g}"


def one_draw(standard: Standard, rivals: Rivals, noise: Noise, error: float) -> Ruling:
    """Every pair was won by the same draw: it is held against luck."""
    theirs = tuple(rivals.incumbent.values())
    is_still = is_one_draw(theirs, noise)
    apart = statistics.mean(rivals.candidate.values()) - statistics.mean(theirs)
    gain = oriented(standard, rivals, apart)
    ahead = gain - margin(standard, rivals)
    bar = luck(noise, rivals.older_trials, 1 if is_still else len(theirs), error)
    verdict = Verdict.KEEP if gain > bar else Verdict.DISCARD
    word = "beyond" if verdict is Verdict.KEEP else "and one draw is promoted only beyond"
    reason = (
        f"{standard.metric} improved by {ahead:.6g}, {word} the {bar:.3g} of luck: its "
        f"{len(rivals.candidate)} trials do not vary with the seed"
    )
    return compared(standard, verdict, reason, ahead, 1, noise, error)


def compared(
    standard: Standard,
    verdict: Verdict,
    reason: str,
    ahead: float,
    count: int,
    noise: Noise,
    error: float | None = None,
) -> Ruling:
    delta = Signed(-ahead if standard.goal == "minimize" else ahead)
    around = interval(delta, noise.sd * math.sqrt(2 / count), noise)
    return Ruling(verdict, f"n={count} paired, 95% CI {around}", reason, delta, error)


def gain_on(standard: Standard, rivals: Rivals, replicate: int) -> float:
    """By how much the candidate beats the bar on one seed."""
    return oriented(standard, rivals, rivals.candidate[replicate] - rivals.incumbent[replicate])


def oriented(standard: Standard, rivals: Rivals, delta: float) -> float:
    gain = -delta if standard.goal == "minimize" else delta
    return gain + margin(standard, rivals)


def margin(standard: Standard, rivals: Rivals) -> float:
    """What is added to a gain before it is held against zero."""
    if may_be_simpler(standard, rivals):
        return standard.simpler or 0.0
    return -standard.min_effect


def may_be_simpler(standard: Standard, rivals: Rivals) -> bool:
    return standard.simpler is not None and rivals.lines_saved > 0


def simpler(standard: Standard, rivals: Rivals, ahead: float) -> str:
    lines = f"simpler by {rivals.lines_saved:.6g} code lines"
    return f"{lines}, and {standard.metric} no worse by {standard.simpler:g} ({ahead:+.3g})"
