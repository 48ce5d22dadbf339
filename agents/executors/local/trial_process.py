"""One process of a trial: in its sandbox, with what it may know, under the task's limits."""

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ....policies.task.task import MIB, Task
from ..environment import find_command, search_path, trial_environment
from .process import CannotStart, Known, Limits, Ran, run
from .sandbox import Kind, Room, Tools, choose, tools_for, wrap
from .sandbox.bubblewrap import ANSWER, TEMP

_CANDIDATE, _EVALUATOR = Path("/candidate"), Path("/evaluator")


class Stage:
    """Starts a task's two commands; `closed` are folders no program's installation may open."""

    def __init__(self, task: Task, variables: Mapping[str, str], closed: tuple[Path, ...]) -> None:
        self._task = task
        self._variables = variables
        self._closed = closed

    @cached_property
    def kind(self) -> Kind:
        """The sandbox trials run in."""
        return choose(self._task.sandbox)

    def prepare(self) -> None:
        """Look up the programs of both commands."""
        for command in filter(None, (self._task.candidate, self._task.evaluate)):
            self._tools(command)

    def candidate(
        self, folder: Path, seed: int, gpu: str | None, known: Known | None = None
    ) -> Ran:
        """Run the candidate in `folder`, which it may write to. Raises CannotStart."""
        room = self._room(self._task.candidate, folder, _CANDIDATE)
        home = _CANDIDATE if self.kind == "bwrap" else folder
        temp = TEMP if self.kind == "bwrap" else folder
        env = trial_environment(self._with(gpu), home, seed, temp)
        return self._run(self._task.candidate, room, env, known)

    def evaluator(
        self,
        folder: Path,
        answer: Path,
        scratch: Path,
        seed: int,
        gpu: str | None,
        known: Known | None = None,
    ) -> Ran:
        """Run the evaluator in `folder`, to write its metrics to `answer`. Raises CannotStart.

        Both must exist, and `scratch`, its folder for temporary files without bubblewrap.
        """
        assert self._task.evaluate is not None
        room = self._room(self._task.evaluate, folder, _EVALUATOR)
        room = replace(room, writable=False, answer=answer, scratch=scratch)
        own = self.kind == "bwrap"
        temp = TEMP if own else scratch
        env = trial_environment(self._with(gpu), temp, seed)
        env |= {"AIRESEARCH_METRICS": str(ANSWER if own else answer)}
        return self._run(self._task.evaluate, room, env, known)

    def _with(self, gpu: str | None) -> Mapping[str, str]:
        return self._variables if gpu is None else {**self._variables, "CUDA_VISIBLE_DEVICES": gpu}

    def _room(self, command: str, folder: Path, place: Path) -> Room:
        return Room(
            folder=folder,
            place=place,
            writable=True,
            memory=self._task.budget.trial_memory_mb * MIB,
            tools=self._tools(command),
            data=self._task.data,
            devices=self._task.devices,
        )

    def _tools(self, command: str) -> Tools:
        program = find_command(command, self._variables) or shlex.split(command)[0]
        if self.kind == "none":
            return Tools(program)
        return tools_for(program, search_path(self._variables), self._closed)

    def _run(
        self, command: str, room: Room, env: Mapping[str, str], known: Known | None = None
    ) -> Ran:
        budget = self._task.budget
        limits = Limits(budget.trial_seconds, budget.trial_memory_mb * MIB, budget.output_mb * MIB)
        argv = [room.tools.program, *shlex.split(command)[1:]]
        _require(argv[0], room.folder, env)
        try:
            ran = run(
                wrap(self.kind, room, argv),
                folder=room.folder,
                env=env,
                limits=limits,
                known=known,
            )
        except CannotStart as cannot:
            raise CannotStart(_without_place(cannot.what, room), cannot.mend) from None
        return replace(ran, log=os.fsencode(_without_place(os.fsdecode(ran.log), room)))


def _require(program: str, folder: Path, env: Mapping[str, str]) -> None:
    found = shutil.which(folder / program if "/" in program else program, path=env["PATH"])
    if found is None:
        there = (folder / program).is_file()
        why = "it is not executable" if there else "there is no such program"
        raise CannotStart(f"cannot start {program!r}: {why}")


def _without_place(text: str, room: Room) -> str:
    """`text` with the names that the bubblewrapped know: where a lab lies is nobody's business."""
    for folder in dict.fromkeys((room.folder, room.folder.resolve())):
        text = text.replace(str(folder), str(room.place))
    return text
