"""Whether a measured node replaces the incumbent: a claim, whose chance to be false is bounded.

A candidate is screened on three seeds and then compared with the incumbent pair by pair, both sides
with the same seed, until one of these ends it: the pairs suffice, they can no longer, or the
replicates are used up. It has a share of the campaign's error (`error_budget`), and every look
at the pairs spends a part of that share, so that stopping early is paid for (Bonferroni over looks,
as in P. Armitage et al., Repeated significance tests on accumulating data, JRSS A 132, 1969).

Half of the share goes to the exact signed-rank test (`signed_rank`), which is right for any
noise and needs many pairs; a look is worth its part once so many pairs could reach it. The other
half goes to few pairs that are all clear of the noise: with the smallest gain at k noise units the
chance of n such pairs is at most F(k)^n, F being the upper tail of Cauchy's distribution. For k
over 1.7 that exceeds Chebyshev's bound for any symmetric difference with that variance, and the
more k, the more: it leaves room for a noise floor from few replicates.
`benchmarks/promotion.py` measures both.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...gitlab.record.facts import Goal, Noise, Signed, Status, Verdict
from ...gitlab.record.records import Measure
from ...gitlab.tree.search_tree import mean, values_of
from ..task.task import Task
from .noise import interval
from .one_draw import is_one_draw, luck
from .replication import FIRST, SCREEN, confirming, screening
from .signed_rank import best_chance, chance

CLEAR_PAIRS = (2, 3, 4, 5)
_SCREEN_NOISE = (0.3, 0.8, 1.2)
"""Standard errors of its mean that a candidate must be ahead by after each screening trial."""

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
    )


def decide(
    standard: Standard,
    trials: Sequence[Measure],
    rival: Sequence[Measure] | None,
    noise: Noise,
    error: float,
) -> Ruling | None:
    """The ruling that a node's trials allow against the incumbent's; None asks for another trial.

    `rival` is None where nothing was promoted yet; `error` is the node's share of the campaign's.
    """
    for trial in trials:
        if trial.status is not Status.OK:
            return _failed(trial, error if len(trials) > SCREEN and rival is not None else None)
    values = values_of(trials, standard.metric)
    if not values:
        return None
    if rival is None:
        return _first(standard, values, noise)
    lines = (mean(tuple(values_of(side, "code_lines").values())) for side in (rival, trials))
    old, new = ((0.0 if count is None else count) for count in lines)
    # An agent sees no more than what older nodes measured, each on every seed at most.
    older = standard.replicates * max(trials[0].trial.node, 1)
    rivals = Rivals(values, values_of(rival, standard.metric), old - new, older)
    return weigh(standard, rivals, noise, error)


def _failed(trial: Measure, error: float | None) -> Ruling:
    """A trial that is not `ok` cannot rank, whatever the others were."""
    reason = trial.reason or f"the trial ended as {trial.status}"
    return Ruling(Verdict.FAIL, "n=0", reason, None, error)


def _first(standard: Standard, values: Values, noise: Noise) -> Ruling | None:
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


def weigh(standard: Standard, rivals: Rivals, noise: Noise, error: float) -> Ruling | None:
    """The ruling on a candidate against the incumbent; None asks for another trial.

    `error` is its share: the chance to promote it although it is no better.
    """
    if not rivals.incumbent:
        return Ruling(Verdict.DISCARD, "n=0", "the incumbent has no results to compare with")
    if standard.is_single or not noise.sd:
        return _exact(standard, rivals)
    pairs = sorted(rivals.candidate.keys() & rivals.incumbent.keys())
    confirmed = confirming(pairs, standard.timing)
    gains = [_gain(standard, rivals, n) for n in confirmed]
    if gains:
        return _confirm(standard, rivals, gains, noise, error)
    if len(rivals.candidate) > FIRST:
        reason = "the incumbent has no results on the same seeds"
        return Ruling(Verdict.DISCARD, "n=0 paired", reason, None, error)
    return _screen(standard, rivals, screening(pairs, standard.timing), noise)


def _exact(standard: Standard, rivals: Rivals) -> Ruling:
    """Without noise one trial tells all."""
    value, best = (mean(tuple(v.values())) for v in (rivals.candidate, rivals.incumbent))
    assert value is not None, "a candidate was measured"
    assert best is not None, "so was the incumbent"
    delta = Signed(value - best)
    gain = -delta if standard.goal == "minimize" else delta
    bar, metric = standard.min_effect, standard.metric
    if gain > bar:
        return Ruling(Verdict.KEEP, "n=1", f"{metric} improved by {gain:.6g}", delta)
    if _may_be_simpler(standard, rivals) and gain >= -(standard.simpler or 0.0):
        return Ruling(Verdict.KEEP, "n=1", _simpler(standard, rivals, gain), delta)
    reason = _short(metric, gain, bar) if gain > 0 else _no_better(metric, gain)
    return Ruling(Verdict.DISCARD, "n=1", reason, delta)


def _no_better(metric: str, gain: float) -> str:
    return f"{metric} is {-gain:.6g} worse than the incumbent" if gain else f"{metric} equal"


def _short(metric: str, gain: float, bar: float) -> str:
    return f"{metric} improved by {gain:.6g}, and min_effect asks for {bar:.6g}"


def _screen(
    standard: Standard, rivals: Rivals, pairs: Sequence[int], noise: Noise
) -> Ruling | None:
    """The better of two looks: seed by seed, and against the incumbent's own estimate.

    One seed that was unlucky for the incumbent must not let everybody through.
    """
    if not pairs:
        return None
    gain = statistics.mean(_gain(standard, rivals, n) for n in pairs)
    reference = [rivals.incumbent[n] for n in rivals.incumbent if SCREEN < n <= FIRST]
    if reference and not standard.timing:
        ours = statistics.mean(rivals.candidate[n] for n in pairs)
        gain = max(gain, _oriented(standard, rivals, ours - statistics.mean(reference)))
    error = noise.sd / math.sqrt(len(pairs))
    if gain > _SCREEN_NOISE[len(pairs) - 1] * error:
        return None
    ahead = gain - _margin(standard, rivals)
    metric = standard.metric
    if ahead <= 0:
        reason = _no_better(metric, ahead)
    elif gain <= 0:
        reason = _short(metric, ahead, standard.min_effect)
    else:
        reason = f"{metric} improved by {ahead:.6g}, within the noise of {noise.sd:.3g}"
    return _compared(standard, Verdict.DISCARD, reason, ahead, len(pairs), noise)


def _confirm(
    standard: Standard, rivals: Rivals, gains: Sequence[float], noise: Noise, error: float
) -> Ruling | None:
    ahead = statistics.mean(gains) - _margin(standard, rivals)
    count, metric = len(gains), standard.metric

    def ruling(verdict: Verdict, reason: str) -> Ruling:
        return _compared(standard, verdict, reason, ahead, count, noise, error)

    if _suffices(standard, gains, noise, error):
        if is_one_draw(rivals.candidate.values(), noise):
            return _one_draw(standard, rivals, noise, error)
        if _may_be_simpler(standard, rivals):
            return ruling(Verdict.KEEP, _simpler(standard, rivals, ahead))
        better = sum(gain > 0 for gain in gains)
        seeds = f"better on {better} of {count} seeds"
        return ruling(Verdict.KEEP, f"{metric} improved by {ahead:.6g}, {seeds}")
    why = _why_not(standard, rivals, gains, error)
    if not why:
        return None
    word = "improved" if ahead > 0 else "worse"
    size = f"{metric} {word} by {abs(ahead):.6g} over {count} pairs"
    return ruling(Verdict.DISCARD, f"{size}: {why}")


def _one_draw(standard: Standard, rivals: Rivals, noise: Noise, error: float) -> Ruling:
    """Every pair was won by the same draw: it is held against luck."""
    theirs = tuple(rivals.incumbent.values())
    is_still = is_one_draw(theirs, noise)
    apart = statistics.mean(rivals.candidate.values()) - statistics.mean(theirs)
    gain = _oriented(standard, rivals, apart)
    ahead = gain - _margin(standard, rivals)
    bar = luck(noise, rivals.older_trials, 1 if is_still else len(theirs), error)
    verdict = Verdict.KEEP if gain > bar else Verdict.DISCARD
    word = "beyond" if verdict is Verdict.KEEP else "and one draw is promoted only beyond"
    reason = (
        f"{standard.metric} improved by {ahead:.6g}, {word} the {bar:.3g} of luck: its "
        f"{len(rivals.candidate)} trials do not vary with the seed"
    )
    return _compared(standard, verdict, reason, ahead, 1, noise, error)


def _why_not(standard: Standard, rivals: Rivals, gains: Sequence[float], error: float) -> str:
    """Why pairs that do not suffice never will; empty while they still may."""
    bar = _rank_bar(standard.pairs, error)
    # Where trials of the incumbent failed there are fewer pairs than replicates were used.
    left = standard.pairs - max(len(gains), len(rivals.candidate) - FIRST)
    may_be_clear = len(gains) < CLEAR_PAIRS[-1] and min(gains) > 0
    if left <= 0:
        return f"{standard.replicates} replicates do not suffice to claim it"
    if len(gains) > 1 and statistics.mean(gains) <= 0:
        return "it does not last over more seeds"
    if best_chance(gains, left) > bar and not may_be_clear:
        return f"{standard.replicates} replicates can no longer suffice to claim it"
    return ""


def _suffices(standard: Standard, gains: Sequence[float], noise: Noise, error: float) -> bool:
    count = len(gains)
    if count in CLEAR_PAIRS and min(gains) > 0:
        units = min(gains) / (noise.sd * math.sqrt(2))
        tail = 0.5 - math.atan(units) / math.pi
        if tail**count <= error / 2 / len(CLEAR_PAIRS):
            return True
    # Replicates by hand may go on beyond the list; the looks that were paid for end with it.
    return count <= standard.pairs and chance(gains) <= _rank_bar(standard.pairs, error)


def _rank_bar(pairs: int, error: float) -> float:
    """What a look spends: half of the error, shared by the looks at which ranks can get there."""
    for count in range(1, pairs + 1):
        part = error / 2 / (pairs - count + 1)
        if 2.0**-count <= part:
            return part
    return 0.0


def _compared(
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


def _gain(standard: Standard, rivals: Rivals, replicate: int) -> float:
    """By how much the candidate beats the bar on one seed."""
    return _oriented(standard, rivals, rivals.candidate[replicate] - rivals.incumbent[replicate])


def _oriented(standard: Standard, rivals: Rivals, delta: float) -> float:
    gain = -delta if standard.goal == "minimize" else delta
    return gain + _margin(standard, rivals)


def _margin(standard: Standard, rivals: Rivals) -> float:
    """What is added to a gain before it is held against zero."""
    if _may_be_simpler(standard, rivals):
        return standard.simpler or 0.0
    return -standard.min_effect


def _may_be_simpler(standard: Standard, rivals: Rivals) -> bool:
    return standard.simpler is not None and rivals.lines_saved > 0


def _simpler(standard: Standard, rivals: Rivals, ahead: float) -> str:
    lines = f"simpler by {rivals.lines_saved:.6g} code lines"
    return f"{lines}, and {standard.metric} no worse by {standard.simpler:g} ({ahead:+.3g})"
