"""The loop: a step is one trial, a run is steps until nothing is left to do."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ..gitlab.errors import NothingToDo, RefMoved
from ..gitlab.lab.housekeeping import Housekeeper
from ..gitlab.record.facts import Trial
from ..gitlab.tree.search_tree import Node
from .campaign import Campaign
from .executors.local.process import finishing
from .patience import Patience
from .proposers.base import ProposerUnavailable
from .step.claim import claim
from .step.judge import judge_and_promote
from .step.leases import RACES, beaten
from .step.measure import measure
from .step.propose import propose
from .step.select import select


@dataclass(frozen=True)
class Step:
    """What one step came to: the node at test, what ran for it, wall-clock seconds."""

    node: Node
    trial: Trial
    """Of the node, or the incumbent's side of a pair."""
    promoted: bool
    seconds: float


def step(campaign: Campaign, again: int | None = None) -> Step:
    """One trial: of the node `again`, else of one that waits for it, else of a new node.

    Raises NothingToDo where the budget is spent or the target reached. Ctrl-C ends a trial that
    runs; what has ended is recorded first.
    """
    start = time.monotonic()
    for _ in range(RACES):
        # Where another worker was first: look again, and decide anew.
        with suppress(RefMoved), campaign.exploring(), finishing(), claim(campaign, again) as work:
            node = work.node or propose(work.now, select(work.now, work))
            measured = measure(work.now, work.incumbent or node, work.replicate, work.is_rivals)
            node, promoted = judge_and_promote(campaign, node.id)
            return Step(node, measured.trials[-1].trial, promoted, time.monotonic() - start)
    raise beaten()


def run(
    campaign: Campaign,
    trials: int | None,
    hours: float | None,
    tell: Callable[[str], object] = str,
) -> Iterator[Step]:
    """Step after step, until the task's budget or this run's own ends it.

    `tell` is called with what a person should know at once.
    """
    end = None if hours is None else time.monotonic() + hours * 3600
    done, patience = 0, Patience(tell)
    with Housekeeper(campaign.lab.repo) as keeper:
        while (trials is None or done < trials) and (end is None or time.monotonic() < end):
            if trials is not None:
                campaign.left = trials - done
            try:
                found = step(campaign)
            except NothingToDo:
                if not done:
                    raise
                return
            except ProposerUnavailable as away:
                patience.wait(away, end)
                continue
            keeper.pack_if_due()
            yield found
            done += 1
            patience.take(found.node)
