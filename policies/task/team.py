"""`team.yaml`: who works, what the campaign may spend, how it searches."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Search:
    """How the next node is chosen."""

    policy: str = "tree"
    """`greedy` or `tree`."""


@dataclass(frozen=True)
class Member:
    """An agent of the team."""

    backend: str
    """What proposes in its name: `tuner`, `command` or `scripted`."""
    script: str | None = None
    """For `scripted`: the file of edits to replay."""
    command: str | None = None
    """For `command`: the coding agent to start in a folder of its own."""
    opens: tuple[str, ...] = ()
    """For `command`: files, folders and sockets of this machine that it may write to as well."""


@dataclass(frozen=True)
class Spending:
    """What the whole campaign may use."""

    trials: int | None = None
    """Trials in all, the baseline's and failed ones included."""
    hours: float | None = None
    """Hours of trial time in all."""


@dataclass(frozen=True)
class Team:
    """Everything `team.yaml` says."""

    team: dict[str, Member] = field(default_factory=lambda: {"tuner": Member("tuner")})
    budget: Spending = field(default_factory=Spending)
    search: Search = field(default_factory=Search)
    knobs: dict[str, str] = field(default_factory=dict)
    """What the tuner may make of a literal, as `train.py:LR`: what its comment would say there."""
