"""Who may push what: the pusher's rights, as the shared lab's settings give them."""

from collections.abc import Iterator
from dataclasses import dataclass

_OURS = ("runner", "judge", "airesearch")


@dataclass(frozen=True)
class Rights:
    """What the pusher may bring: `agents` is None where any agent's commits are welcome."""

    pusher: str
    agents: frozenset[str] | None
    people: bool

    def agent_faults(self, agent: str) -> Iterator[str]:
        """The runner's and the judge's commits come with those of any agent one may bring."""
        allowed = self.agents
        if allowed is not None and agent not in allowed and not (agent in _OURS and allowed):
            yield f"{self.pusher} may not push commits of {agent}"

    def people_faults(self) -> Iterator[str]:
        """People's commits are the rules, and some labs take none."""
        if not self.people:
            yield "people push no commits here (airesearch.people is none)"


def read_rights(pusher: str, lines: tuple[str, ...], people: str) -> Rights:
    """The pusher's rights from `airesearch.pusher` lines, `alice: tuner, claude`, and `.people`.

    Without such lines anyone may push any agent's commits; with them, who is not named none.
    """
    agents: set[str] = set()
    for line in lines:
        name, _, listed = line.partition(":")
        if name.strip() == pusher:
            agents |= {agent.strip() for agent in listed.split(",")} - {""}
    return Rights(pusher, frozenset(agents) if lines else None, people == "any")
