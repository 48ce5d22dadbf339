"""What a proposer is told, and what it answers.

A proposer that costs nothing is a `Proposer`: it is called, and asked again where a worker was
killed. One that costs money or hours is a `PaidProposer`: its answer is kept before it is used, and
nobody pays twice. Around either, Ctrl-C ends the call at once, so neither needs to listen for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Protocol, overload, runtime_checkable

from ...gitlab.desk.desk import Desk
from ...gitlab.errors import AiresearchError
from ...gitlab.record.facts import Goal, Operator


@dataclass(frozen=True)
class Past:
    """A measured node."""

    node: int
    status: str
    score: float | None
    """The objective's value; None unless the status is `ok`."""
    files: Callable[[str], bytes | None]
    """The content of a path at that candidate, None where it has no such file."""
    reason: str = ""
    """Why it came out so, in a sentence; empty where the agent may not read that."""
    is_older: bool = False
    """Whether it grew from an earlier base: measured the same way, among other code."""


class History(Sequence[Past]):
    """Measured nodes, each looked up when it is read."""

    def __init__(self, nodes: Sequence[int], look_up: Callable[[int], Past]) -> None:
        self._nodes = nodes
        self._look_up = cache(look_up)

    def __len__(self) -> int:
        return len(self._nodes)

    @overload
    def __getitem__(self, place: int) -> Past: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Past]: ...
    def __getitem__(self, place: int | slice) -> Past | Sequence[Past]:
        if isinstance(place, slice):
            return History(self._nodes[place], self._look_up)
        return self._look_up(self._nodes[place])


@dataclass(frozen=True)
class Brief:
    """One assignment: make node `node` from what lies on the desk."""

    node: int
    parents: tuple[int, ...]
    operator: Operator
    assignment: str
    """What the operator asks for, in a sentence."""
    metric: str
    goal: Goal
    seed: int
    """For the proposer's own draws: the same brief always gives the same proposal."""
    proposal_index: int
    """How many nodes of this base the agent has proposed before."""
    base: Past
    """The baseline the search started from."""
    past: Sequence[Past]
    """The measured nodes of this base and of earlier ones by the same protocol, in id order.

    All of the first thousand; of a longer history those with the best and the worst scores and the
    newest ones.
    """


@dataclass(frozen=True)
class Receipt:
    """What a proposal cost; None where that is not known."""

    model: str | None = None
    tokens_in: int | None = None
    """Tokens that the model read, cached ones included."""
    tokens_cached: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    transcript: str | None = None
    """What was said on either side; it is recorded for all who may read the lab."""


@dataclass(frozen=True)
class Proposal:
    """What was changed, in a line, and why, in prose."""

    subject: str
    body: str = ""
    receipt: Receipt | None = None


@dataclass(frozen=True)
class Answer:
    """What a paid proposer came to, before anything is made of it."""

    payload: str
    """The proposer's own notes, as JSON say."""
    receipt: Receipt | None = None


class ProposalFailed(Exception):
    """The proposer tried, and made nothing that could be a candidate; the text says why.

    It becomes a node that failed, as any other exception does but for an AiresearchError, which
    ends the command. `receipt` is what an `ask` cost that this ended.
    """

    def __init__(self, reason: str, receipt: Receipt | None = None) -> None:
        super().__init__(reason)
        self.receipt = receipt


class ProposerUnavailable(AiresearchError):
    """The proposer could not try: no node, no trial.

    `may_wait` says whether it may well work later (a limit was reached, the network is down), or
    only once somebody does something about it (log in, pay).
    """

    def __init__(self, what: str, mend: str = "", *, may_wait: bool = False) -> None:
        super().__init__(what, mend)
        self.may_wait = may_wait


class Proposer(Protocol):
    """Stages edits on a desk."""

    operators: ClassVar[frozenset[Operator]]
    """What it can be asked for."""

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        """Stage edits on `desk` and say what they are."""
        ...


@runtime_checkable
class PaidProposer(Protocol):
    """Is asked once, and stages edits on a desk from its answer as often as need be."""

    operators: ClassVar[frozenset[Operator]]
    """What it can be asked for."""

    def ask(self, desk: Desk, brief: Brief, folder: Path) -> Answer:
        """Do what costs. `folder` is empty; what is left in it is kept with the answer."""
        ...

    def stage(self, answer: Answer, folder: Path, desk: Desk) -> Proposal:
        """Stage on `desk` what the answer comes to, and say what it is."""
        ...
