"""The `command` proposer: any coding agent that is started on a command line.

It works in a folder with the files it may read, for at most ten times `trial_seconds`, within the
memory and the output of a trial. Its environment is a trial's, with the user's HOME (a login lies
there) and every variable whose name ends in `_API_KEY`, `_BASE_URL` or `_MODEL`. Its assignment is
the file `$AIRESEARCH_BRIEF`; `{brief}` in the command is that file's path. Where bubblewrap works
and the task does not say `sandbox: none`, the lab's git folder and the unreadable files of its
checkout are out of its sight; the network, and the rest of the user's files, are not.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ....gitlab.desk.collect import Bounds, Collected, collect_changes
from ....gitlab.desk.desk import Desk
from ....gitlab.desk.export import RESERVED, ExportedTree, export_desk
from ....gitlab.events import emit
from ....gitlab.record.text import one_line, quote_path
from ....gitlab.store.refs import common_folder
from ....gitlab.store.trees import Repository
from ....policies.paths import is_under, matches
from ....policies.task.rules import plain
from ....policies.task.task import MIB, Task
from ...executors.environment import find_command, trial_environment
from ...executors.local.process import Limits, ProcessResult, locked_tempdir, reap_orphans, run
from ..base import Brief, Proposal
from ..replies import Reply, keep, recall
from .brief import render_brief
from .sandbox import without

_TRIALS_OF_TIME = 10
_KEYS = ("_API_KEY", "_BASE_URL", "_MODEL")
_LONGEST_BODY = 8_000
_NEVER_READ = ("private",)
_IGNORE_FILE = ".gitignore"


class AgentFailed(Exception):
    """The agent came to nothing; the text says how."""


@dataclass(frozen=True)
class Command:
    """Starts `command` under the name `agent`, in a folder below `desks`."""

    repairs: ClassVar[bool] = True
    agent: str
    command: str
    task: Task
    repo: Repository
    desks: Path
    variables: Mapping[str, str]
    """The user's environment."""

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        """Stage what the agent changed in its folder, and say it in its words.

        Raises Denied for a folder that cannot be taken back, AgentFailed where a limit stopped the
        agent, or it failed and changed nothing; CannotStart where there is no such program.
        """
        kept = recall(self.desks.parent, brief.node)
        if kept is None or (kept.agent, kept.parent) != (self.agent, brief.parent):
            kept = self._ask(desk, brief)
        junk = _ignore_lines(desk, kept.laid)
        bounds = Bounds(self.task.budget.output_mb * MIB)
        back = collect_changes(desk, kept.laid, bounds, lambda path: self._is_left(path, junk))
        if kept.code != 0 and not (back.written or back.removed):
            raise AgentFailed(f"{self.command}: {_end(kept)}")
        return _proposal(back, kept)

    def _ask(self, desk: Desk, brief: Brief) -> Reply:
        """Start the agent, and keep what it came to."""
        reap_orphans(self.desks)
        with locked_tempdir(self.desks / f"{brief.node}-{os.getpid()}") as folder:
            laid = export_desk(self.repo, desk, folder, self.agent)
            ran = self._start(laid, render_brief(self.task, desk, brief), brief.seed)
            if ran.stopped:
                raise AgentFailed(f"{self.command}: {ran.reason}")
            reply = Reply(self.agent, brief.parent, brief.operator, laid, ran.code or 0, ran.log)
            emit("propose: agent ended", brief.node)
            kept = keep(self.desks.parent, brief.node, reply)
            emit("propose: reply kept", brief.node)
            return kept

    def _start(self, laid: ExportedTree, text: str, seed: int) -> ProcessResult:
        own = laid.folder / RESERVED
        (own / "tmp").mkdir(parents=True)
        brief = own / "brief.md"
        brief.write_text(text, encoding="utf-8", errors="replace")
        words = [word.replace("{brief}", str(brief)) for word in shlex.split(self.command)]
        program = find_command(self.command, self.variables) or words[0]
        env = self._environment(laid.folder, seed)
        env.update(TMPDIR=str(own / "tmp"), AIRESEARCH_BRIEF=str(brief))
        argv = [program, *words[1:]]
        if self.task.sandbox != "none":
            checkout = self.repo.workdir
            closed = [] if checkout is None else [Path(checkout)]
            argv = without(argv, laid.folder, self._hidden(laid), closed)
        return run(argv, folder=laid.folder, env=env, limits=self._limits())

    def _hidden(self, laid: ExportedTree) -> list[Path]:
        """The lab's git folder, and what of its checkout the agent may not read."""
        checkout = [Path(self.repo.workdir).resolve()] if self.repo.workdir else []
        unread = [top / path for top in checkout for path in (*_NEVER_READ, *laid.hidden)]
        return [common_folder(self.repo), *unread]

    def _environment(self, folder: Path, seed: int) -> dict[str, str]:
        let_in = {k: v for k, v in self.variables.items() if k.endswith(_KEYS) or k == "HOME"}
        return {**trial_environment(self.variables, folder, seed), **let_in}

    def _is_left(self, path: str, junk: tuple[str, ...]) -> bool:
        """Whether a new file is what a trial of the agent's own made, and no part of a proposal."""
        return is_under(path, tuple(map(plain, self.task.outputs))) or matches(junk, path)

    def _limits(self) -> Limits:
        budget = self.task.budget
        return Limits(
            seconds=_TRIALS_OF_TIME * budget.trial_seconds,
            memory=budget.trial_memory_mb * MIB,
            output=budget.output_mb * MIB,
        )


def _ignore_lines(desk: Desk, laid: ExportedTree) -> tuple[str, ...]:
    """The lab's own .gitignore, as it was laid out."""
    if _IGNORE_FILE not in laid.files:
        return ()
    lines = desk.read(_IGNORE_FILE).decode("utf-8", "replace").splitlines()
    return tuple(line for line in lines if _is_pattern(line))


def _is_pattern(line: str) -> bool:
    try:
        matches((line,), "-")
    except ValueError:  # git passes over such a line as well
        return False
    return True


def _proposal(back: Collected, reply: Reply) -> Proposal:
    subjects = [message.strip().partition("\n")[0] for message in back.messages]
    paths = ", ".join(quote_path(path) for path in (*back.written, *back.removed))
    subject = "; ".join(filter(None, subjects)) or (f"edit {paths}" if paths else "no change")
    return Proposal(subject, "\n\n".join(filter(None, _paragraphs(back, reply))))


def _paragraphs(back: Collected, reply: Reply) -> list[str]:
    said = "\n\n".join(message.strip() for message in back.messages)
    if len(back.messages) == 1:  # its first line is the subject already
        said = said.partition("\n")[2].strip()
    parts = [said if len(said) <= _LONGEST_BODY else f"{said[:_LONGEST_BODY]}…"]
    if reply.code != 0:
        parts.append(f"The agent ended with {_end(reply)}")
    if back.other_modes:
        paths = one_line(", ".join(quote_path(path) for path in back.other_modes), 200)
        parts.append(f"Executable bits were left as they were: {paths}")
    return parts


def _end(reply: Reply) -> str:
    lines = [line for line in reply.log.decode("utf-8", "replace").splitlines() if line.strip()]
    last = f": {one_line(lines[-1], 200)}" if lines else ""
    code = reply.code
    return f"{f'signal {-code}' if code < 0 else f'exit {code}'}{last}"
