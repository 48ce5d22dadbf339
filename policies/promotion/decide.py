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
from collections.abc import Sequence

from ...gitlab.record.facts import Noise, Status, Verdict
from ...gitlab.record.records import Measure
from ...gitlab.tree.node import mean, values_of
from .one_draw import is_one_draw
from .replication import FIRST, SCREEN, confirming, screening
from .ruling import (
    Rivals,
    Ruling,
    Standard,
    compared,
    exact,
    failed,
    first,
    gain_on,
    margin,
    may_be_simpler,
    no_better,
    one_draw,
    oriented,
    short,
    simpler,
)
from .signed_rank import best_chance, chance

CLEAR_PAIRS = (2, 3, 4, 5)
_SCREEN_NOISE = (0.3, 0.8, 1.2)
"""Standard errors of its mean that a candidate must be ahead by after each screening trial."""


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
            return failed(trial, error if len(trials) > SCREEN and rival is not None else None)
    values = values_of(trials, standard.metric)
    if not values:
        return None
    if rival is None:
        return first(standard, values, noise)
    lines = (mean(tuple(values_of(side, "code_lines").values())) for side in (rival, trials))
    old, new = ((0.0 if count is None else count) for count in lines)
    # An agent sees no more than what older nodes measured, each on every seed at most.
    older = standard.replicates * max(trials[0].trial.node, 1)
    rivals = Rivals(values, values_of(rival, standard.metric), old - new, older)
    return weigh(standard, rivals, noise, error)


def weigh(standard: Standard, rivals: Rivals, noise: Noise, error: float) -> Ruling | None:
    """The ruling on a candidate against the incumbent; None asks for another trial.

    `error` is its share: the chance to promote it although it is no better.
    """
    if not rivals.incumbent:
        return Ruling(Verdict.DISCARD, "n=0", "the incumbent has no results to compare with")
    if standard.is_single or not noise.sd:
        return exact(standard, rivals)
    pairs = sorted(rivals.candidate.keys() & rivals.incumbent.keys())
    confirmed = confirming(pairs, standard.timing)
    gains = [gain_on(standard, rivals, n) for n in confirmed]
    if gains:
        return _confirm(standard, rivals, gains, noise, error)
    if len(rivals.candidate) > FIRST:
        reason = "the incumbent has no results on the same seeds"
        return Ruling(Verdict.DISCARD, "n=0 paired", reason, None, error)
    return _screen(standard, rivals, screening(pairs, standard.timing), noise)


def _screen(
    standard: Standard, rivals: Rivals, pairs: Sequence[int], noise: Noise
) -> Ruling | None:
    """The better of two looks: seed by seed, and against the incumbent's own estimate.

    One seed that was unlucky for the incumbent must not let everybody through.
    """
    if not pairs:
        return None
    gain = statistics.mean(gain_on(standard, rivals, n) for n in pairs)
    reference = [rivals.incumbent[n] for n in rivals.incumbent if SCREEN < n <= FIRST]
    if reference and not standard.timing:
        ours = statistics.mean(rivals.candidate[n] for n in pairs)
        gain = max(gain, oriented(standard, rivals, ours - statistics.mean(reference)))
    error = noise.sd / math.sqrt(len(pairs))
    if gain > _SCREEN_NOISE[len(pairs) - 1] * error:
        return None
    ahead = gain - margin(standard, rivals)
    metric = standard.metric
    if ahead <= 0:
        reason = no_better(metric, ahead)
    elif gain <= 0:
        reason = short(metric, ahead, standard.min_effect)
    else:
        reason = f"{metric} improved by {ahead:.6g}, within the noise of {noise.sd:.3g}"
    return compared(standard, Verdict.DISCARD, reason, ahead, len(pairs), noise)


def _confirm(
    standard: Standard, rivals: Rivals, gains: Sequence[float], noise: Noise, error: float
) -> Ruling | None:
    ahead = statistics.mean(gains) - margin(standard, rivals)
    count, metric = len(gains), standard.metric

    def ruling(verdict: Verdict, reason: str) -> Ruling:
        return compared(standard, verdict, reason, ahead, count, noise, error)

    if _suffices(standard, gains, noise, error):
        if is_one_draw(rivals.candidate.values(), noise):
            return one_draw(standard, rivals, noise, error)
        if may_be_simpler(standard, rivals):
            return ruling(Verdict.KEEP, simpler(standard, rivals, ahead))
        better = sum(gain > 0 for gain in gains)
        seeds = f"better on {better} of {count} seeds"
        return ruling(Verdict.KEEP, f"{metric} improved by {ahead:.6g}, {seeds}")
    why = _why_not(standard, rivals, gains, error)
    if not why:
        return None
    word = "improved" if ahead > 0 else "worse"
    size = f"{metric} {word} by {abs(ahead):.6g} over {count} pairs"
    return ruling(Verdict.DISCARD, f"{size}: {why}")


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
