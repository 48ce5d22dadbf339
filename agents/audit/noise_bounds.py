"""What a verdict's noise and error can have been: both rest on what others had done by then."""

from bisect import bisect_right
from collections.abc import Callable, Container, Sequence
from functools import cached_property
from itertools import accumulate

from ...gitlab.record.records import Measure
from ...policies.promotion.error_budget import part
from ...policies.promotion.replication import SCREEN
from .figures import Spread, spread, values
from .node_history import CLOCKS_APART_SECONDS, NodeHistory, Nodes

Known = tuple[NodeHistory, Sequence[Measure]]
"""A node, and those of its trials that a verdict surely rests on."""


class NoiseBounds:
    """Bounds from the trials of all `nodes`, base by base.

    `base` tells of a node the commit of trunk it goes back to, `metric` the one that ranks it.
    """

    def __init__(
        self,
        nodes: Nodes,
        promoted: Container[int],
        base: Callable[[int], str | None],
        metric: Callable[[NodeHistory], str | None],
    ) -> None:
        self._nodes = nodes
        self._promoted = promoted
        self._base = base
        self._metric = metric

    def most_error(self, history: NodeHistory, time: int, confidence: float) -> float:
        """The largest share of the error that a node could have at a time.

        Ahead are the others that certainly were being confirmed and were never promoted.
        """
        sure = time - CLOCKS_APART_SECONDS
        ahead = sum(
            1
            for node, begun in self._confirmed.get(self._base(history.node), ())
            if node != history.node and node not in self._promoted and begun <= sure
        )
        return part(1 + ahead, confidence)

    @cached_property
    def _confirmed(self) -> dict[str | None, list[tuple[int, int]]]:
        """For each base, the nodes with more trials than screening takes, and since when."""
        found: dict[str | None, list[tuple[int, int]]] = {}
        for history in self._nodes.all():
            times = [s.commit.time for s in history.steps if isinstance(s.record, Measure)]
            if history.propose.parent_node and len(times) > SCREEN:
                base = self._base(history.node)
                found.setdefault(base, []).append((history.node, times[SCREEN]))
        return found

    def spreads(
        self, base: str | None, time: int, known: Sequence[Known], metric: str
    ) -> tuple[Spread, Spread]:
        """Between which spreads the noise lay that a verdict at a time rests on.

        It surely rests on what is `known`, and on what others had done long before.
        """
        times, spreads = self._spreads.get(base, ([], [(Spread(), Spread())]))
        sure, most = time - CLOCKS_APART_SECONDS, time + CLOCKS_APART_SECONDS
        least, _ = spreads[bisect_right(times, sure)]
        for node, trials in known:
            there = spread(values(node.trials_by(sure), metric)).varied
            gained = spread(values(trials, metric)).varied - there
            if gained.freedom > 0:
                least += gained
        return least, spreads[bisect_right(times, most)][1]

    @cached_property
    def _spreads(self) -> dict[str | None, tuple[list[int], list[tuple[Spread, Spread]]]]:
        """For each base, when trials were recorded, and the spread of all up to each: in order.

        That of the nodes that varied by then, and that of all.
        """
        gains: dict[str | None, list[tuple[int, Spread, Spread]]] = {}
        for history in self._nodes.all():
            metric = self._metric(history)
            if metric is None:
                continue
            found = gains.setdefault(self._base(history.node), [])
            trials, before = list[Measure](), Spread()
            for commit, record in history.steps:
                if isinstance(record, Measure):
                    trials.append(record)
                    now = spread(values(trials, metric))
                    found.append((commit.time, now.varied - before.varied, now - before))
                    before = now
        found_by_base = {}
        for base, row in gains.items():
            row.sort()
            varied = accumulate((one for _, one, _ in row), initial=Spread())
            whole = accumulate((one for _, _, one in row), initial=Spread())
            found_by_base[base] = (
                [time for time, _, _ in row],
                list(zip(varied, whole, strict=True)),
            )
        return found_by_base
