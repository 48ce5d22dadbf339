"""What a proposer is told, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from ..gitlab.desk import Desk
from ..gitlab.facts import Goal, Operator


@dataclass(frozen=True)
class Past:
    """A measured node."""

    node: int
    status: str
    score: float | None
    """The objective's value; None unless the status is `ok`."""
    files: Callable[[str], bytes | None]
    """The content of a path at that candidate, None where it has no such file."""


@dataclass(frozen=True)
class Brief:
    """One assignment: grow node `node` from its parent, which lies on the desk."""

    node: int
    operator: Operator
    metric: str
    goal: Goal
    seed: int
    """For the proposer's own draws: the same brief always gives the same proposal."""
    turn: int
    """How many nodes of this base the agent has proposed before."""
    base: Past
    """The baseline the search started from."""
    past: tuple[Past, ...]
    """Every measured node of this base, the baseline included, in id order."""


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
