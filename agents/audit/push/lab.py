"""What the rules of a push share: the rules in force, who pushes, and whose commits may come."""

from collections.abc import Iterator
from dataclasses import dataclass

from ....gitlab.errors import AiresearchError, RecordError
from ....gitlab.hooks.push_view import AfterPush, Commit, Update, author, short
from ....gitlab.lab.lab import Lab
from ....gitlab.record.records import Record
from ....gitlab.store.trees import Oid
from .in_force import Rules

RUNNER, JUDGE, NOBODY = "runner", "judge", "airesearch"
_EMAIL = "@airesearch"


@dataclass(frozen=True)
class Rights:
    """What the pusher may bring: `agents` is None where any agent's commits are welcome."""

    pusher: str
    agents: frozenset[str] | None
    people: bool


class After(AfterPush):
    """The lab after a push, with the rules in force at each commit of its trunk."""

    def __init__(self, lab: Lab, updates: tuple[Update, ...]) -> None:
        super().__init__(lab, updates)
        self._rules: dict[Oid, Rules] = {}

    def rules_at(self, base: Oid) -> Rules:
        """The rules at a commit of the trunk. Raises RecordError where they cannot be read."""
        if base not in self._rules:
            try:
                self._rules[base] = Rules(self.lab, self.lab.tree_of(base))
            except (AiresearchError, ValueError) as error:
                raise RecordError(f"the rules at {short(base)} cannot be read: {error}") from error
        return self._rules[base]


def author_faults(commit: Commit, record: Record, rights: Rights) -> Iterator[str]:
    """The author is the record's agent, and one whose commits the pusher may bring."""
    name, email = author(commit)
    if (name, email) != (record.agent, f"{record.agent}{_EMAIL}"):
        yield f"its author is {name} <{email}>, and its Agent is {record.agent}"
    allowed = rights.agents
    ours = record.agent in (RUNNER, JUDGE, NOBODY)
    if allowed is not None and not (record.agent in allowed or (ours and allowed)):
        yield f"{rights.pusher} may not push commits of {record.agent}"


def person_faults(commit: Commit, rights: Rights) -> Iterator[str]:
    """A commit that is no record is a person's, if its author is no agent."""
    name, email = author(commit)
    if email.casefold().endswith(_EMAIL) and name != NOBODY:
        yield f"it is {name}'s, an agent's, and no record of an action"
    if not rights.people:
        yield "people push no commits here (airesearch.people is none)"
