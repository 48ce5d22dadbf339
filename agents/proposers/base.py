"""What a proposer is told, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Protocol, overload

from ...gitlab.desk.desk import Desk
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
    """One assignment: grow node `node` from its parent, which lies on the desk."""

    node: int
    parent: int
    operator: Operator
    metric: str
    goal: Goal
    seed: int
    """For the proposer's own draws: the same brief always gives the same proposal."""
    turn: int
    """How many nodes of this base the agent has proposed before."""
    base: Past
    """The baseline the search started from."""
    past: Sequence[Past]
    """The measured nodes of this base, the baseline included, in id order.

    All of the first thousand; of a longer history those with the best and the worst scores and the
    newest ones.
    """


@dataclass(frozen=True)
class Proposal:
    """What was changed, in a line, and why, in prose."""

    subject: str
    body: str = ""


class Proposer(Protocol):
    """Stages edits on a desk."""

    repairs: ClassVar[bool]
    """Whether it can mend a candidate that failed."""

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        """Stage edits on `desk` and say what they are."""
        ...
