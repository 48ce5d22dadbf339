"""What the audit passes about: stories of nodes, the rules in force, and falsehoods."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ...gitlab.reader.values import Commit, Edit, Entry
from ...gitlab.record.facts import Diff, Noise, Signed, Verdict
from ...gitlab.record.records import Judge, Measure, Promote, Propose, Record


class Ruling(Protocol):
    """What a promotion rule says; `policies.promotion.Ruling` is one."""

    @property
    def verdict(self) -> Verdict: ...
    @property
    def evidence(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def delta(self) -> Signed | None: ...
    @property
    def error_spent(self) -> float | None: ...


Trials = Sequence[Measure]
ReadFile = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Change:
    """A proposal's edits, the recorded size in lines, and what either side of an edit holds."""

    edits: tuple[Edit, ...]
    diff: Diff
    content: Callable[[Entry | None], bytes]


@dataclass(frozen=True)
class Terms:
    """What the task at one base says, as far as an audit asks."""

    metric: str
    """The objective's name."""
    built_in: frozenset[str]
    """Metrics that the runner made itself."""
    protected: tuple[str, ...]
    """The paths whose tree is the protocol."""
    evaluator: str
    """`pinned` or `self-reported`."""
    executors: frozenset[str]
    sandboxes: frozenset[str]
    """Where and in what a trial of this task may have run."""
    against: Callable[[str, Change], tuple[str, ...]]
    """Every reason against a proposal by an agent, one that is not on the team included."""
    syntax: Callable[[bytes], str]
    """The name of what Python reads in a source, comments and formatting aside; empty where it
    cannot be parsed."""
    misses: Callable[[Mapping[str, float]], str]
    """What the task's metrics and gates find wrong with measured values; empty where nothing."""
    rule: Callable[[Trials, Trials | None, Noise, float], Ruling | None]
    """The ruling on a node's trials against the incumbent's, at a noise and a share of the error;
    None where they ask for another trial."""
    share: Callable[[int], float]
    """The share of the error of the so-many-th candidate to be confirmed."""
    estimate: Callable[[Trials, Noise | None], str]
    """How a promotion words its estimate."""
    estimated: int
    """Fresh trials that a promotion rests on where there is noise."""
    may_follow: Callable[[Sequence[int], int], bool]
    """Whether a node that ran some replicates may run this one next."""
    is_sealed: bool
    """Whether promotions have a holdout."""


Rules = Callable[[ReadFile], Terms]
"""The terms of the task in a tree whose files it is given. Raises AiresearchError."""


class Step(NamedTuple):
    """One action of a node."""

    commit: Commit
    record: Record


@dataclass(frozen=True)
class Story:
    """A node as one branch tells it, oldest action first; it begins with its proposal."""

    node: int
    branch: str
    propose: Propose
    steps: tuple[Step, ...]

    @property
    def onto(self) -> str:
        """The commit it grew from."""
        return self.steps[0].commit.parents[0]

    @property
    def trials(self) -> tuple[Measure, ...]:
        """Its trials in order."""
        return tuple(step.record for step in self.steps if isinstance(step.record, Measure))

    @property
    def judged(self) -> Judge | None:
        """Its last verdict."""
        verdicts = (step.record for step in reversed(self.steps))
        return next((record for record in verdicts if isinstance(record, Judge)), None)


@dataclass(frozen=True)
class Promotion:
    """A merge of trunk. `base` is the commit its nodes grew from, `place` counts from it."""

    commit: Commit
    record: Promote
    base: str
    place: int


@dataclass(frozen=True)
class Falsehood:
    """One claim that is not true: the commit that makes it, a branch that holds it, a sentence."""

    commit: str
    branch: str
    what: str
