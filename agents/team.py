"""The team: the task's roster as proposers that can be called."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..gitlab.errors import AiresearchError
from ..policies.task import FILE, Member, Task
from .brief import Proposer
from .scripted import Scripted, parse_script
from .tuner import Tuner

ReadFile = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Agent:
    """A proposer under the name its commits carry."""

    name: str
    proposer: Proposer


def _tuner(name: str, member: Member, read: ReadFile) -> Proposer:
    return Tuner()


def _scripted(name: str, member: Member, read: ReadFile) -> Proposer:
    if member.script is None:
        raise AiresearchError(
            f"{FILE}: team.{name} is scripted and names no script",
            f"add the file of its edits: {name}: {{backend: scripted, script: edits.yaml}}",
        )
    text = read(member.script)
    if text is None:
        raise AiresearchError(
            f"{FILE}: team.{name}.script: there is no {member.script} on the trunk",
            f"commit it: git add {member.script} && git commit",
        )
    return Scripted(parse_script(text, member.script))


BACKENDS: Mapping[str, Callable[[str, Member, ReadFile], Proposer]] = {
    "tuner": _tuner,
    "scripted": _scripted,
}
"""Every backend, by the name `team.<agent>.backend` gives it."""


def assemble(task: Task, read: ReadFile) -> tuple[Agent, ...]:
    """The agents of the task; `read` gives files of the trunk. Raises where one cannot be made."""
    return tuple(_agent(name, member, read) for name, member in task.team.items())


def _agent(name: str, member: Member, read: ReadFile) -> Agent:
    if member.backend not in BACKENDS:
        near = difflib.get_close_matches(member.backend, BACKENDS, 1)
        raise AiresearchError(
            f"{FILE}: team.{name}.backend: there is no backend {member.backend!r}",
            f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(BACKENDS)}",
        )
    return Agent(name, BACKENDS[member.backend](name, member, read))
