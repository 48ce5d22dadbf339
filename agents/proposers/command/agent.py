"""The `command` proposer: any coding agent that is started on a command line.

It works in a folder with the files it may read, for at most ten times `trial_seconds`, within the
memory and the output of a trial. Its environment is a trial's, with the user's HOME (a login lies
there) and every variable whose name ends in `_API_KEY`, `_BASE_URL` or `_MODEL`. Its assignment is
the file `$AIRESEARCH_BRIEF`; `{brief}` in the command is that file's path. Where bubblewrap works
and the task does not say `sandbox: none` it has a room: `room` says what it finds there.

Exit 75 (EX_TEMPFAIL) says that it could not work now and may later, exit 77 (EX_NOPERM) that
somebody has to do something first, such as log in: neither makes a node.
"""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from ....gitlab.desk.collect import Bounds, Collected, collect_changes
from ....gitlab.desk.desk import Desk
from ....gitlab.desk.export import RESERVED, ExportedFile, ExportedTree, export_desk
from ....gitlab.isolated import programs_elsewhere
from ....gitlab.lab.checkout import files_of
from ....gitlab.lab.object_stores import objects_of
from ....gitlab.record.facts import Operator
from ....gitlab.record.text import one_line, quote_path
from ....gitlab.store.trees import Repository
from ....policies.paths import RUN_AS_USER, is_under, matches
from ....policies.task.rules import plain
from ....policies.task.task import MIB, Task
from ...executors.base import MachineFailure
from ...executors.environment import find_command, search_path, trial_environment
from ...executors.local.process import CannotStart, Limits, ProcessResult, run
from ...executors.local.sandbox import places, tools_for
from ..base import Answer, Brief, Proposal, ProposalFailed, ProposerUnavailable
from .brief import render_brief
from .room import Room, held

_TRIALS_OF_TIME = 10
_KEYS = ("_API_KEY", "_BASE_URL", "_MODEL")
_NAME_FILES = ("GIT_CONFIG_GLOBAL", "PIP_CONFIG_FILE", "PYTHONSTARTUP", "BASH_ENV", "ENV")
"""Variables of the user's that name what configures or starts what the user runs."""
_LONGEST_BODY = 8_000


@dataclass(frozen=True)
class Command:
    """Starts `command` under the name `agent`."""

    operators: ClassVar = frozenset({Operator.DRAFT, Operator.IMPROVE, Operator.DEBUG})
    agent: str
    command: str
    opens: tuple[str, ...]
    """What of the machine it may write besides."""
    task: Task
    repo: Repository
    variables: Mapping[str, str]
    """The user's environment."""

    def ask(self, desk: Desk, brief: Brief, folder: Path) -> Answer:
        """Start the agent in `folder`, with the files it may read.

        Raises ProposalFailed where a limit stopped it, ProposerUnavailable where its exit code says
        so, CannotStart where there is no such program.
        """
        exported = export_desk(self.repo, desk, folder, self.agent)
        own = folder / RESERVED
        (own / "tmp").mkdir(parents=True)
        text = own / "brief.md"
        text.write_text(render_brief(self.task, desk, brief), encoding="utf-8", errors="replace")
        words = [word.replace("{brief}", str(text)) for word in shlex.split(self.command)]
        argv = [find_command(self.command, self.variables) or words[0], *words[1:]]
        users = {k: v for k, v in self.variables.items() if k.endswith(_KEYS) or k == "HOME"}
        env = {**trial_environment(self.variables, folder, brief.seed), **users}
        env.update(TMPDIR=str(own / "tmp"), AIRESEARCH_BRIEF=str(text))
        budget = self.task.budget
        limits = Limits(
            seconds=_TRIALS_OF_TIME * budget.trial_seconds,
            memory=budget.trial_memory_mb * MIB,
            output=budget.output_mb * MIB,
        )
        ran = self._run(argv, folder, env, limits, exported.hidden)
        if ran.stopped:
            raise ProposalFailed(f"{self.command}: {ran.reason}")
        code = ran.code or 0
        end = f"signal {-code}" if code < 0 else f"exit {code}"
        lines = [line for line in ran.log.decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            end += f": {one_line(lines[-1], 200)}"
        if code in (os.EX_TEMPFAIL, os.EX_NOPERM):
            raise ProposerUnavailable(
                f"{self.agent} cannot work now: {self.command}: {end}",
                "what it printed last says why; then: airesearch run",
                may_wait=code == os.EX_TEMPFAIL,
            )
        notes = {"exported": {**asdict(exported), "folder": None}, "code": code, "end": end}
        return Answer(json.dumps(notes))

    def _run(
        self,
        argv: list[str],
        folder: Path,
        env: Mapping[str, str],
        limits: Limits,
        unread: tuple[str, ...],
    ) -> ProcessResult:
        """Run the agent, in its room where it has one. Raises MachineFailure where that fails."""
        if self.task.sandbox == "none":
            return run(argv, folder=folder, env=env, limits=limits)
        with held(argv, self._room(folder, unread)) as start:
            try:
                ran = run(
                    start.argv, folder=folder, env=env, limits=limits, inherits=start.inherits
                )
            except CannotStart as cannot:
                if start.inherits:
                    raise self._no_room(cannot.what) from None
                raise
            if not (ran.stopped or start.has_begun()):
                raise self._no_room(ran.log.decode("utf-8", "replace").strip().rpartition("\n")[2])
            return ran

    def _no_room(self, why: str) -> MachineFailure:
        return MachineFailure(
            f"{self.agent} was to work in a room, and bubblewrap does not work any more: {why}",
            "see what is wrong: airesearch doctor; to let it run as you: sandbox: none",
        )

    def _room(self, folder: Path, unread: tuple[str, ...]) -> Room:
        """What the agent in `folder` finds: `unread` are the lab's files that it may not read."""
        task, variables = self.task, self.variables
        home = Path(variables.get("HOME", "/"))
        files = files_of(self.repo)
        sealed = None if task.holdout is None else task.holdout.evaluate
        path = search_path(variables)
        programs = [
            found
            for command in (self.command, task.candidate, task.evaluate, sealed)
            if command and (found := find_command(command, variables))
        ]
        needed = {p for name in programs for p in tools_for(name, path, (home, *files)).read}
        return Room(
            folder=folder,
            own=folder / RESERVED,
            home=home,
            open=[home / name.removeprefix("~/") for name in self.opens],
            closed=[
                *files,
                *needed,
                *map(Path, filter(None, programs_elsewhere(path).split(os.pathsep))),
                *map(Path, filter(None, [sys.prefix, sys.base_prefix, *sys.path, *task.data])),
                Path(__file__).parents[3],
                *(home / name for name in RUN_AS_USER),
                *(Path(variables[name]) for name in _NAME_FILES if name in variables),
            ],
            hidden=[
                *places((*objects_of(self.repo), *(top / "private" for top in files))),
                *(top / path for top in files for path in unread),
            ],
            devices=task.devices,
            memory=task.budget.trial_memory_mb * MIB,
        )

    def stage(self, answer: Answer, folder: Path, desk: Desk) -> Proposal:
        """Stage what the agent changed in its folder, and say it in its words.

        Raises Denied for a folder that cannot be taken back, ProposalFailed where the agent failed
        and changed nothing.
        """
        notes = json.loads(answer.payload)
        exported = _exported(notes["exported"], folder)
        ignored = _ignore_lines(desk) if ".gitignore" in exported.files else ()
        outputs = tuple(map(plain, self.task.outputs))

        def is_left(path: str) -> bool:
            """Whether a new file is what a trial of the agent's own made, and not proposed."""
            return is_under(path, outputs) or matches(ignored, path)

        back = collect_changes(desk, exported, Bounds(self.task.budget.output_mb * MIB), is_left)
        end = notes["end"] if notes["code"] else ""
        if end and not (back.written or back.removed):
            raise ProposalFailed(f"{self.command}: {end}")
        return _in_its_words(back, end)


def _exported(notes: dict[str, Any], folder: Path) -> ExportedTree:
    files = {path: ExportedFile(**file) for path, file in notes["files"].items()}
    return ExportedTree(
        folder, tuple(notes["identity"]), files, notes["root"], tuple(notes["hidden"])
    )


def _ignore_lines(desk: Desk) -> tuple[str, ...]:
    """The lab's own .gitignore, less the lines that git passes over as well."""
    kept = []
    for line in desk.read(".gitignore").decode("utf-8", "replace").splitlines():
        try:
            matches((line,), "-")
        except ValueError:
            continue
        kept.append(line)
    return tuple(kept)


def _in_its_words(back: Collected, end: str) -> Proposal:
    """The proposal under the messages of the agent's own commits; `end` is how it failed."""
    messages = [message.strip() for message in back.messages]
    paths = ", ".join(quote_path(path) for path in (*back.written, *back.removed))
    subject = "; ".join(filter(None, (message.partition("\n")[0] for message in messages)))
    subject = subject or (f"edit {paths}" if paths else "no change")
    body = "\n\n".join(messages)
    if len(messages) == 1:  # its first line is the subject already
        body = body.partition("\n")[2].strip()
    parts = [body if len(body) <= _LONGEST_BODY else f"{body[:_LONGEST_BODY]}…"]
    if end:
        parts.append(f"The agent ended with {end}")
    if back.other_modes:
        modes = one_line(", ".join(quote_path(path) for path in back.other_modes), 200)
        parts.append(f"Executable bits were left as they were: {modes}")
    return Proposal(subject, "\n\n".join(filter(None, parts)))
