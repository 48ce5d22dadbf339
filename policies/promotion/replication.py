"""Which seeds a comparison needs: the replicates of the two sides, in the order they are run.

Every node has the same list of seeds. Its first three screen it, so that most candidates cost one
trial. Those from the seventh on confirm, pair by pair: what let a candidate through the screen says
nothing about them. The three between estimate a promoted node: they had no part in its selection.
A baseline, which nothing selects, runs all six at once and so gives the noise floor.
"""

from collections.abc import Collection, Sequence
from itertools import count
from random import Random
from typing import Literal

from ...gitlab.record.facts import Plan

SCREEN = 3
"""Replicates that decide whether a candidate is worth confirming."""
ESTIMATE = 3
"""Fresh replicates of a winner, for a value without the winner's curse."""
FIRST = SCREEN + ESTIMATE
"""Replicates of a baseline."""

Side = Literal["candidate", "incumbent"]
Turn = tuple[Side, int]


def seed_of(protocol: str, replicate: int) -> int:
    """The seed of every node's `replicate`-th trial, so that nodes compare pair by pair."""
    return Random(f"{protocol}/seed/{replicate}").getrandbits(31)


def next_fresh(done: Collection[int]) -> int:
    """The first seed of the list that a node has not run."""
    return next(replicate for replicate in count(1) if replicate not in done)


def next_turn(candidate: Collection[int], incumbent: Collection[int], timing: bool) -> Turn:
    """Who runs which replicate next, so that both sides of a pair are run one after the other.

    Who is first alternates: a drift in time then favours neither. A pair whose incumbent's side is
    recorded needs the candidate's alone, unless it is `timing`: then no older trial counts.
    """
    if timing:
        return _next_timed(candidate, incumbent)
    open_pairs = [replicate for replicate in candidate if replicate not in incumbent]
    if open_pairs:
        return "incumbent", min(open_pairs)
    replicate = _next_compared(candidate)
    if replicate in incumbent or replicate % 2:
        return "candidate", replicate
    return "incumbent", replicate


def _next_compared(done: Collection[int]) -> int:
    return next(n for n in count(1) if n not in done and not SCREEN < n <= FIRST)


def _next_timed(candidate: Collection[int], incumbent: Collection[int]) -> Turn:
    last, latest = max(candidate, default=0), max(incumbent, default=0)
    if last > latest:
        return "incumbent", last
    if len(candidate) % 2:
        return ("incumbent", latest + 1) if last == latest else ("candidate", latest)
    return "candidate", latest + 1


def next_of_plan(
    plan: Plan, candidate: Collection[int], incumbent: Collection[int], fresh: int, timing: bool
) -> Turn:
    """Who runs which replicate next, of a candidate that is confirmed by a plan.

    Both sides have run what is named; `fresh` of the incumbent's had no part in its selection.
    """
    ours = [*candidate][plan.after :]
    if plan.paired and timing:
        return _next_timed(ours, incumbent)
    if plan.paired:
        open_pairs = [replicate for replicate in ours if replicate not in incumbent]
        if open_pairs:
            return "incumbent", min(open_pairs)
        replicate = _next_paired(candidate)
        is_theirs = replicate not in incumbent and not replicate % 2
        return ("incumbent" if is_theirs else "candidate"), replicate
    if fresh < max(len(ours), 2):
        return "incumbent", next_fresh(incumbent)
    return "candidate", _next_compared(candidate)


def _next_paired(done: Collection[int]) -> int:
    return next(n for n in count(FIRST + 1) if n not in done)


def may_follow(done: Collection[int], replicate: int, timing: bool) -> bool:
    """Whether `replicate` may be next after `done`: no seed is picked or left out."""
    if replicate in (next_fresh(done), _next_compared(done), _next_paired(done)):
        return True
    return timing and replicate > max(done, default=0)


def screening(pairs: Sequence[int], timing: bool) -> Sequence[int]:
    """Those of the replicates that both sides ran, in order, which screen."""
    return pairs[:SCREEN] if timing else [n for n in pairs if n <= SCREEN]


def confirming(pairs: Sequence[int], timing: bool) -> Sequence[int]:
    """Those which confirm."""
    return pairs[SCREEN:] if timing else [n for n in pairs if n > FIRST]
