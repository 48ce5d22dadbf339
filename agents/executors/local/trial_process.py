"""One process of a trial: in its sandbox, with what it may know, under the task's limits."""

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ....policies.task.task import MIB, Task
from ..base import MachineFailure
from ..environment import find_command, search_path, trial_environment
from .process import CannotStart, FolderSnapshot, Limits, ProcessResult, run
from .process_outcome import exit_of
from .sandbox import Kind, SandboxSpec, Tools, choose, confined, has_own_files, tools_for
from .sandbox.bubblewrap import ANSWER, TEMP

_CANDIDATE, _EVALUATOR = Path("/candidate"), Path("/evaluator")
_MEND = "look at what is missing: airesearch doctor"


class TrialProcess:
    """Starts a task's two commands; `hidden` are folders that do not show to either."""

    def __init__(self, task: Task, variables: Mapping[str, str], hidden: tuple[Path, ...]) -> None:
        self._task = task
        self._variables = variables
        self._hidden = hidden

    @cached_property
    def kind(self) -> Kind:
        """The sandbox trials run in."""
        return choose(self._task.sandbox)

    def prepare(self) -> None:
        """Look up the programs of both commands."""
        for command in filter(None, (self._task.candidate, self._task.evaluate)):
            self._tools(command)

    def candidate(
        self, folder: Path, seed: int, gpu: str | None, before: FolderSnapshot | None
    ) -> ProcessResult:
        """Run the candidate in `folder`, which it may write to and which holds `before`.

        Raises CannotStart where the candidate's program cannot, MachineFailure where nothing can.
        """
        spec = self._spec(self._task.candidate, folder, _CANDIDATE)
        home, temp = (_CANDIDATE, TEMP) if has_own_files(self.kind) else (folder, folder)
        env = trial_environment(self._variables, home, seed, temp)
        return self._run(self._task.candidate, spec, env, gpu, before)

    def evaluator(
        self,
        folder: Path,
        answer: Path,
        scratch: Path,
        seed: int,
        gpu: str | None,
        before: FolderSnapshot | None,
    ) -> ProcessResult:
        """Run the evaluator in `folder`, to write its metrics to `answer`. Raises as `candidate`.

        Both must exist, and `scratch`, its folder for temporary files where there is no other.
        """
        assert self._task.evaluate is not None
        spec = self._spec(self._task.evaluate, folder, _EVALUATOR)
        spec = replace(spec, writable=False, answer=answer, scratch=scratch)
        own = has_own_files(self.kind)
        env = trial_environment(self._variables, TEMP if own else scratch, seed)
        env |= {"AIRESEARCH_METRICS": str(ANSWER if own else answer)}
        return self._run(self._task.evaluate, spec, env, gpu, before)

    def _spec(self, command: str, folder: Path, place: Path) -> SandboxSpec:
        return SandboxSpec(
            folder=folder,
            place=place,
            writable=True,
            memory=self._task.budget.trial_memory_mb * MIB,
            tools=self._tools(command),
            data=self._task.data,
            devices=self._task.devices,
            hidden=self._hidden,
        )

    def _tools(self, command: str) -> Tools:
        program = find_command(command, self._variables) or shlex.split(command)[0]
        if self.kind == "none":
            return Tools(program)
        return tools_for(program, search_path(self._variables), self._hidden)

    def _run(
        self,
        command: str,
        spec: SandboxSpec,
        env: dict[str, str],
        gpu: str | None,
        before: FolderSnapshot | None,
    ) -> ProcessResult:
        program, folder = spec.tools.program, spec.folder
        name = folder / program if "/" in program else program
        if shutil.which(name, path=env["PATH"]) is None:
            there = (folder / program).is_file()
            why = "it is not executable" if there else "there is no such program"
            raise CannotStart(f"cannot start {program!r}: {why}")

        def as_seen_inside(text: str) -> str:
            # Where a lab lies is nobody's business.
            if not text:
                return text
            for outside in dict.fromkeys((folder, folder.resolve())):
                text = text.replace(str(outside), str(spec.place))
            return text

        budget = self._task.budget
        limits = Limits(budget.trial_seconds, budget.trial_memory_mb * MIB, budget.output_mb * MIB)
        if gpu is not None:
            env = {**env, "CUDA_VISIBLE_DEVICES": gpu}
        with confined(self.kind, spec, [program, *shlex.split(command)[1:]]) as start:
            try:
                result = run(
                    start.argv,
                    folder=folder,
                    env=env,
                    limits=limits,
                    before=before,
                    inherits=start.inherits,
                )
            except CannotStart as cannot:
                if self.kind != "none":
                    raise _no_sandbox(cannot.what) from None
                raise CannotStart(as_seen_inside(cannot.what), cannot.mend) from None
            if not (result.stopped or start.has_begun()):
                told = result.log.decode("utf-8", "replace").strip().rpartition("\n")[2]
                raise _no_sandbox(told or exit_of(result))
        return replace(result, log=os.fsencode(as_seen_inside(os.fsdecode(result.log))))


def _no_sandbox(why: str) -> MachineFailure:
    """What ended before the candidate began says nothing of it."""
    return MachineFailure(f"the sandbox does not work: {why}", _MEND)
