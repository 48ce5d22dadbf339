"""The team: the task's roster as proposers that can be called."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.lab import Lab
from ...gitlab.store.trees import Oid, read
from ...policies.task.rules import plain
from ...policies.task.schema import meant
from ...policies.task.task import Task
from ...policies.task.team import Member
from ..executors.environment import find_command
from .base import PaidProposer, Proposer
from .command.agent import Command
from .scripted import Scripted, parse_script
from .tuner.tuner import Tuner


@dataclass(frozen=True)
class Setting:
    """What a proposer is made from: the task, the trunk's tree and the user's environment."""

    lab: Lab
    tree: Oid
    task: Task
    variables: Mapping[str, str]

    def read(self, path: str) -> bytes | None:
        """A file of the trunk, or None where there is none."""
        return read(self.lab.repo, self.tree, path)

    def where(self, agent: str) -> str:
        """What an error about an agent begins with: the file, and its key there."""
        return f"{self.task.team_file}: team.{agent}"


@dataclass(frozen=True)
class Agent:
    """A proposer under the name its commits carry."""

    name: str
    proposer: Proposer | PaidProposer


def make_tuner(name: str, member: Member, setting: Setting) -> Tuner:
    """The embedded tuner."""
    return Tuner(setting.task.knobs, setting.task.candidate)


def make_scripted(name: str, member: Member, setting: Setting) -> Scripted:
    """The script that `member` names, as the trunk has it."""
    if member.script is None:
        raise AiresearchError(
            f"{setting.where(name)} is scripted and names no script",
            f"add the file of its edits: {name}: {{backend: scripted, script: prompts/edits.yaml}}",
        )
    text = setting.read(member.script)
    if text is None:
        raise AiresearchError(
            f"{setting.where(name)}.script: there is no {member.script} on the trunk",
            f"commit it: git add {member.script} && git commit",
        )
    return Scripted(parse_script(text, member.script))


def make_command(name: str, member: Member, setting: Setting) -> Command:
    """The command that `member` names, which must be on this machine or committed."""
    command = member.command or ""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise AiresearchError(
            f"{setting.where(name)}.command cannot be split into words: {error}",
            "close the quote",
        ) from None
    if not words:
        raise AiresearchError(
            f"{setting.where(name)} is a command and does not say which",
            f"add it: {name}: {{backend: command, command: my-agent --prompt-file {{brief}}}}",
        )
    program = words[0]
    if "/" in program and not program.startswith("/"):
        if setting.read(plain(program)) is None:
            raise AiresearchError(
                f"{setting.where(name)}.command: no committed file is {program}",
                "commit it: an agent starts among committed files only",
            )
    elif find_command(command, setting.variables) is None:
        raise AiresearchError(
            f"{setting.where(name)}.command: there is no command {program!r} on this machine",
            "install it, or give the program's full path",
        )
    return Command(name, command, member.opens, setting.task, setting.lab.repo, setting.variables)


BACKENDS: Mapping[str, Callable[[str, Member, Setting], Proposer | PaidProposer]] = {
    "tuner": make_tuner,
    "command": make_command,
    "scripted": make_scripted,
}
"""Every backend, by the name `team.<agent>.backend` gives it."""


def assemble(setting: Setting) -> tuple[Agent, ...]:
    """The agents of the task. Raises AiresearchError where one cannot be made."""
    agents = []
    for name, member in setting.task.team.items():
        if member.backend not in BACKENDS:
            raise AiresearchError(
                f"{setting.where(name)}.backend: there is no backend {member.backend!r}",
                meant(member.backend, BACKENDS, "use one of"),
            )
        agents.append(Agent(name, BACKENDS[member.backend](name, member, setting)))
    return tuple(agents)
