"""Whether a measured node replaces the incumbent."""

from dataclasses import dataclass

from ..gitlab.facts import Goal, Signed, Status, Verdict


@dataclass(frozen=True)
class Ruling:
    """A verdict with what it rests on."""

    verdict: Verdict
    evidence: str
    reason: str
    delta: Signed | None = None


def failed(status: Status, reason: str) -> Ruling:
    """A trial that is not `ok` cannot rank."""
    return Ruling(Verdict.FAIL, "n=0", reason or f"the trial ended as {status}")


def weigh(metric: str, goal: Goal, min_effect: float, value: float, best: float | None) -> Ruling:
    """One trial against the incumbent's: better by more than `min_effect`, or discarded."""
    if best is None:
        return Ruling(Verdict.KEEP, "n=1", f"{metric}={value:.6g} is the first measured result")
    delta = Signed(value - best)
    gain = -delta if goal == "minimize" else delta
    if gain > min_effect:
        return Ruling(Verdict.KEEP, "n=1", f"{metric} improved by {gain:.6g}", delta)
    if gain > 0:
        reason = f"{metric} improved by {gain:.6g}, and min_effect asks for {min_effect:.6g}"
    else:
        reason = f"{metric} is {-gain:.6g} worse than the incumbent" if gain else f"{metric} equal"
    return Ruling(Verdict.DISCARD, "n=1", reason, delta)
