"""A node: what its branch says of one candidate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..record.facts import PARTIAL, Metric, Plan, Status, Verdict
from ..record.records import Action, Judge, Measure, Propose, Record

_NO_ANSWERS = (Status.CANCELLED, Status.LOST, Status.DENIED, Status.DUPLICATE)


@dataclass(frozen=True)
class Node:
    """A vertex of the search tree: what its branch says, oldest first."""

    tip: str
    """The commit its branch stands at, in hex as the next two."""
    onto: str
    """The commit the node grew from: its parent node's, or trunk's for a baseline."""
    proposed: str
    propose: Propose
    trials: tuple[Measure, ...] = ()
    judged: Judge | None = None
    """Its last verdict."""
    weighed: int = 0
    """How many of the trials came before that verdict."""

    def with_record(self, commit: str, record: Record) -> "Node":
        """The node once `commit`, which says `record`, is on its branch."""
        trials, judged, weighed = self.trials, self.judged, self.weighed
        if isinstance(record, Measure):
            trials = (*trials, record)
        elif isinstance(record, Judge):
            judged, weighed = record, len(trials)
        return Node(commit, self.onto, self.proposed, self.propose, trials, judged, weighed)

    @property
    def id(self) -> int:
        """The node's number."""
        return self.propose.node

    @property
    def parents(self) -> tuple[int, ...]:
        """The nodes it was made from; none for a baseline."""
        return self.propose.parent_node

    @property
    def rules(self) -> str | None:
        """The commit of the trunk whose rules its proposal names; None where that is its base."""
        return self.propose.rules

    @property
    def action(self) -> Action:
        """The node's state: what was done last.

        Trials after a `keep` are further evidence on a winner and ask for nothing; after any other
        verdict they ask for a new one.
        """
        is_weighed = len(self.trials) == self.weighed
        if self.judged is not None and (self.is_kept or (is_weighed and not self.is_on_trial)):
            return Action.JUDGE
        return Action.MEASURE if self.trials else Action.PROPOSE

    @property
    def is_settled(self) -> bool:
        """Whether it wants neither a trial nor a verdict."""
        return self.action is Action.JUDGE

    @property
    def status(self) -> Status | None:
        """How its last trial ended; None before the first has. What was kept has not failed.

        Bounds that came later count where the last verdict rests on them.
        """
        if self.is_kept:
            return Status.OK
        last = self.trials[-1].status if self.trials else None
        if self.verdict is Verdict.FAIL and last is Status.OK:
            return Status.GATE
        return Status.OK if last is Status.GATE and self.is_held_otherwise else last

    @property
    def verdict(self) -> Verdict | None:
        """What the judge said; None before that, and while it has new trials to weigh."""
        return self.judged.verdict if self.judged and self.action is Action.JUDGE else None

    @property
    def has_change(self) -> bool:
        """Whether there is something to go on from: not where a proposal was refused or failed."""
        return not self.parents or self.propose.diff.files > 0

    @property
    def answers(self) -> tuple[Measure, ...]:
        """The trials that say what its candidate came to, well or not."""
        return tuple(trial for trial in self.trials if trial.status not in _NO_ANSWERS)

    @property
    def outcome(self) -> str:
        """Where it stands in a word: its failure, else its verdict, else what it waits for."""
        if self.verdict is Verdict.FAIL and self.status is not None:
            return str(self.status)
        if self.verdict is not None:
            return str(self.verdict)
        return "undecided" if self.trials else "unmeasured"

    @property
    def reason(self) -> str:
        """Why it stands where it stands, in a sentence."""
        if self.status is not Status.OK and self.trials and self.trials[-1].reason:
            return self.trials[-1].reason
        return self.judged.reason if self.judged and self.verdict else ""

    @property
    def estimating(self) -> tuple[Measure, ...]:
        """The trials that say how good the node is; none unless it is `ok`.

        Of a kept node those after the verdict: the ones before selected it, and flatter it. Nothing
        selects a baseline: those that its verdict rests on count.
        """
        if self.status is not Status.OK:
            return ()
        trials = self.trials
        if self.is_held_otherwise:
            trials = tuple(t if t.status is not Status.GATE else without_miss(t) for t in trials)
        if not self.is_kept:
            return _well(trials)
        fresh = trials[self.weighed :] if self.parents else ()
        return _well(fresh) or _well(trials[: self.weighed])

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The mean of every metric over the trials that say how good it is."""
        return means(self.estimating)

    def value(self, metric: str) -> float | None:
        """The same of one metric; None where it has none."""
        return mean(tuple(values_of(self.estimating, metric).values()))

    @property
    def is_on_trial(self) -> bool:
        """Whether it has a share of the error, and waits for the trials that it pays for."""
        said = self.judged
        return said is not None and said.verdict is Verdict.CONTEND and said.error_spent is not None

    @property
    def plan(self) -> Plan | None:
        """How it is confirmed or was; None where nobody tried, or by the older rules."""
        return None if self.judged is None else self.judged.plan

    @property
    def fresh(self) -> tuple[Measure, ...]:
        """The trials that had no part in its selection; all of a baseline's, and where none had."""
        later = self.trials[self.weighed :] if self.is_kept and self.parents else ()
        return later or self.trials

    @property
    def is_held_otherwise(self) -> bool:
        """Whether its last verdict holds it to other bounds than those that its trials missed."""
        return self.judged is not None and self.judged.verdict is not Verdict.FAIL

    @property
    def is_kept(self) -> bool:
        """Whether its last verdict is `keep`, whatever trials followed."""
        return self.judged is not None and self.judged.verdict is Verdict.KEEP


def without_miss(trial: Measure) -> Measure:
    """A trial that missed a bound, as if it had missed none."""
    names = ((m.name.removeprefix(PARTIAL), m.value) for m in trial.metric)
    metrics = tuple(Metric(name, value) for name, value in names)
    return replace(trial, status=Status.OK, reason=None, metric=metrics)


def values_of(trials: Sequence[Measure], metric: str) -> dict[int, float]:
    """The value of `metric` in each replicate that ended well, in the order they were run."""
    return {
        trial.trial.replicate: m.value
        for trial in _well(trials)
        for m in trial.metric
        if m.name == metric
    }


def means(trials: Sequence[Measure]) -> tuple[Metric, ...]:
    """The mean of every metric over the trials that ended well, in the first one's order."""
    well = _well(trials)
    names = [metric.name for metric in well[0].metric] if well else []
    found = {name: mean(tuple(values_of(well, name).values())) for name in names}
    return tuple(Metric(name, value) for name, value in found.items() if value is not None)


def mean(values: Sequence[float]) -> float | None:
    """The mean, None of nothing; of equal values exactly theirs."""
    if not values:
        return None
    return values[0] + math.fsum(value - values[0] for value in values) / len(values)


def sum_squares(values: Sequence[float]) -> float:
    """The squared distances from the mean, summed; of equal values exactly 0, never NaN."""
    # From the first value, so that equal ones differ by exactly nothing.
    apart = [value - values[0] for value in values]
    total = sum(apart)
    found = max(sum(a * a for a in apart) - total * total / len(values), 0.0)
    return found if math.isfinite(found) else math.inf


def _well(trials: Sequence[Measure]) -> tuple[Measure, ...]:
    return tuple(trial for trial in trials if trial.status is Status.OK)
