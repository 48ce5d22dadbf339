"""A campaign without git and processes: the shipped allocation and judge over drawn trials.

It does what one worker does in a lab with a `team.yaml`: what `agents.step.allocate` asks an
allocation with, what `agents.step.claim` runs, and what `agents.step.judge` says of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from airesearch.gitlab.record.facts import Metric, Noise, Plan, Purpose, Status, Trial, Verdict
from airesearch.gitlab.record.records import Measure
from airesearch.gitlab.tree.node import mean, sum_squares, values_of
from airesearch.policies.allocation.staged import staged
from airesearch.policies.allocation.standing import EXPLORE, Contender, Next, Standing
from airesearch.policies.promotion.contest import Incumbent, contest, planned
from airesearch.policies.promotion.error_budget import free_place, part
from airesearch.policies.promotion.noise import pooled
from airesearch.policies.promotion.plan import Replicates, is_log, is_paired
from airesearch.policies.promotion.replication import ESTIMATE, FIRST, next_fresh, next_of_plan
from airesearch.policies.promotion.ruling import Standard

METRIC = "loss"
STANDARD = Standard(METRIC, "minimize", 0.95, 0.0, 30, timing=False, simpler=None, staged=True)
_SHOWN = 8

_BLANK = partial(
    Measure,
    agent="runner",
    subject="",
    node=0,
    candidate="",
    protocol="",
    status=Status.OK,
    seed=0,
    duration=0.0,
    peak_memory=0,
    output_bytes=0,
    executor="local",
    sandbox="none",
    evaluator="pinned",
    environment="",
)


def measured(node: int, replicate: int, value: float) -> Measure:
    """The record of a trial that was ok."""
    return _BLANK(trial=Trial(node, replicate), metric=(Metric(METRIC, value),))


@dataclass
class Node:
    """A candidate, its trials and the last word on it."""

    id: int
    trials: list[Measure] = field(default_factory=list)
    verdict: Verdict | None = None
    plan: Plan | None = None
    weighed: int = 0
    values: Mapping[int, float] = field(default_factory=dict)
    """By replicate."""
    value: float = 0.0
    """The mean of the trials that say how good it is: asked for at every trial of any node."""

    @property
    def done(self) -> list[int]:
        """The replicates it has run."""
        return [trial.trial.replicate for trial in self.trials]

    @property
    def fresh(self) -> Sequence[Measure]:
        """The trials that had no part in its selection; all of a baseline's."""
        later = self.trials[self.weighed :] if self.id and self.verdict is Verdict.KEEP else []
        return later or self.trials

    def took(self, trial: Measure) -> None:
        """One trial more."""
        self.trials.append(trial)
        self.values = values_of(self.trials, METRIC)
        self.settle(self.verdict)

    def settle(self, verdict: Verdict | None) -> None:
        """What is said of its trials by now."""
        self.verdict = verdict
        self.value = mean(tuple(values_of(self.fresh, METRIC).values())) or 0.0


@dataclass
class Campaign:
    """One worker's campaign; `measure` runs a replicate of a node, by the node's id."""

    measure: Callable[[int, int], float]
    budget: int | None
    standard: Standard = STANDARD
    nodes: list[Node] = field(default_factory=lambda: [Node(0)])
    promoted: list[Node] = field(default_factory=list)
    trials: int = 0

    @property
    def incumbent(self) -> Node:
        """Who is to be beaten: the last promoted node, at first the baseline."""
        return self.promoted[-1] if self.promoted else self.nodes[0]

    @property
    def left(self) -> int | None:
        """Trials that may follow; None where nothing says so."""
        return None if self.budget is None else max(self.budget - self.trials, 0)

    @property
    def judging(self) -> int:
        """Trials that were races, pairs and estimates."""
        own = min(len(self.nodes[0].trials), FIRST) - 1
        return max(self.trials - len(self.nodes) - own, 0)

    def run(self, candidates: Callable[[int], object] = int, most: int | None = None) -> None:
        """Until the budget is spent, or `most` nodes are tried and nothing is to be confirmed.

        `candidates` is told the id of each new node before it is measured.
        """
        for replicate in range(1, FIRST + 1):
            self._run(self.nodes[0], replicate)
        while self.left != 0:
            planned_trial = self._next()
            if planned_trial.node is not None:
                self._on_record(planned_trial)
                continue
            if most is not None and len(self.nodes) > most:
                return
            new = Node(len(self.nodes))
            candidates(new.id)
            self.nodes.append(new)
            self._run(new, 1)
            self._judge(new)

    def _next(self) -> Next:
        noise = self._noise().sd
        return staged(self._standing(noise)) if noise else EXPLORE

    def _on_record(self, asked: Next) -> None:
        assert asked.node is not None
        node = self.nodes[asked.node]
        if asked.purpose is Purpose.RACE:
            self._run(node, next_fresh(node.done))
            return
        ahead = self._ahead()
        place = free_place(self._places())
        plan = Plan(place, len(node.trials), asked.most, self._paired(ahead), self._log(ahead))
        error = part(place, self.standard.confidence)
        standing = contest(self.standard, node.trials, self._rival(), self._noise(), None, 0.0)
        assert standing is not None
        node.plan = planned(standing, plan, error).plan
        self._confirm(node, plan, error)

    def _confirm(self, node: Node, plan: Plan, error: float) -> None:
        timing = self.standard.timing
        while self.left != 0:
            theirs = self.incumbent
            side, replicate = next_of_plan(plan, node.done, theirs.done, len(theirs.fresh), timing)
            self._run(node if side == "candidate" else theirs, replicate)
            ruling = contest(self.standard, node.trials, self._rival(), self._noise(), plan, error)
            if ruling is not None:
                node.weighed = len(node.trials)
                node.settle(ruling.verdict)
                break
        if node.verdict is not Verdict.KEEP:
            return
        for _ in range(ESTIMATE):
            if self.left == 0:
                return
            self._run(node, next_fresh(node.done))
        self.promoted.append(node)

    def _judge(self, node: Node) -> None:
        """Its first trial says all where there is no noise."""
        noise = self._noise()
        if noise.sd:
            return
        ruling = contest(self.standard, node.trials, self._rival(), noise, None, 0.0)
        if ruling is not None and ruling.verdict is Verdict.KEEP:
            node.settle(ruling.verdict)
            self.promoted.append(node)

    def _run(self, node: Node, replicate: int) -> None:
        self.trials += 1
        node.took(measured(node.id, replicate, self.measure(node.id, replicate)))
        if len(node.trials) > 1:
            self._floor = None

    _floor: Noise | None = None

    def _noise(self) -> Noise:
        if self._floor is None:
            several = (node.values for node in self.nodes if len(node.values) > 1)
            self._floor = pooled(tuple(values.values()) for values in several)
        return self._floor

    def _rival(self) -> Incumbent:
        return Incumbent(self.incumbent.trials, self.incumbent.fresh)

    def _places(self) -> list[tuple[int, int]]:
        kept = {node.id for node in self.promoted}
        return [(n.id, n.plan.place) for n in self.nodes if n.plan and n.id not in kept]

    def _standing(self, noise: float) -> Standing:
        values = tuple(values_of(self.incumbent.fresh, METRIC).values())
        ahead = self._ahead()
        return Standing(
            contenders=ahead,
            noise=_deviation(values) if len(values) > 1 else noise,
            fresh=len(values),
            paired=self._paired(ahead),
            since=len(self.nodes) - 1 - ahead[0].node if ahead else 0,
            spent=self.trials,
            judging=self.judging,
            left=self.left,
            error=part(free_place(self._places()), self.standard.confidence),
        )

    def _ahead(self) -> list[Contender]:
        theirs = self.incumbent.value
        open_nodes = [n for n in self.nodes if n.value < theirs and n.plan is None and n.id]
        best = sorted(open_nodes, key=lambda node: (node.value, node.id))[:_SHOWN]
        return [Contender(node.id, theirs - node.value, len(node.trials)) for node in best]

    def _paired(self, ahead: Sequence[Contender]) -> bool:
        return self.standard.timing or is_paired(self._replicates(ahead))

    def _log(self, ahead: Sequence[Contender]) -> bool:
        return is_log(self._replicates(ahead))

    def _replicates(self, ahead: Sequence[Contender]) -> list[Replicates]:
        ids = dict.fromkeys((self.incumbent.id, *(one.node for one in ahead), 0))
        return [self.nodes[n].values for n in ids if len(self.nodes[n].values) > 1]


def _deviation(values: Sequence[float]) -> float:
    return math.sqrt(sum_squares(values) / (len(values) - 1))
