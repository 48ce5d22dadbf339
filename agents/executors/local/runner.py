"""One trial on this machine: the candidate, then its evaluator, each in a folder of its own."""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ....gitlab.errors import CannotLayOut
from ....gitlab.events import emit
from ....gitlab.lab.checkout import files_of
from ....gitlab.lab.lab import Lab
from ....gitlab.lab.object_stores import objects_of
from ....gitlab.record.facts import Status
from ....gitlab.store.trees import find, read
from ....policies.access.guard import Policy
from ....policies.task.task import MIB, Task
from ...trials.code_lines import CodeLines
from ...trials.job import Job
from ...trials.outcome import Outcome
from ...trials.outputs import BadOutput, pass_outputs
from ...trials.score import (
    BadScore,
    measured_here,
    ordered,
    partial,
    read_metrics,
    read_printed,
    require,
)
from ..environment import describe, find_command
from .folder_cache import ExportedTree, FolderCache
from .process import CannotStart, ProcessResult, locked_tempdir, remove
from .process_outcome import evaluator_failure, from_process
from .sandbox import places
from .trial_process import TrialProcess


class Runner:
    """Runs trials of a task. `variables` is the environment trials inherit a part of."""

    def __init__(self, lab: Lab, task: Task, variables: Mapping[str, str]) -> None:
        self.lab = lab
        self.task = task
        self._variables = variables
        self._candidate_policy = Policy("candidate")
        home = map(Path, filter(None, [variables.get("HOME")]))
        checkouts = files_of(lab.repo)
        private = (folder / "private" for folder in checkouts)
        hidden = places((*objects_of(lab.repo), *checkouts, *private, *home))
        self._process = TrialProcess(task, variables, hidden)
        self._trials = lab.home / "trials"
        self._code_lines = CodeLines(lab.repo, task.editable)

    @property
    def sandbox(self) -> str:
        """What holds trials here: `bwrap`, `landlock` or `none`."""
        return self._process.kind

    @property
    def evaluator(self) -> str:
        """Who gives the score: the pinned evaluator, or the candidate itself."""
        return "self-reported" if self.task.evaluate is None else "pinned"

    @cached_property
    def environment(self) -> bytes:
        """What `research/environment.json` holds."""
        return describe(find_command(self.task.candidate, self._variables))

    def prepare(self) -> None:
        """Find out now what is the same for every trial here; forks of this process know it then.

        That takes some tenths of a second: programs are asked where they are and what they need.
        """
        _ = self.environment
        self._process.prepare()

    @cached_property
    def _cache(self) -> FolderCache:
        return FolderCache(self.lab.repo, self._trials, is_sealed=self.sandbox != "none")

    def run(self, job: Job, gpu: str | None) -> Outcome:
        """The trial's outcome; nothing it started or wrote outlives it. Raises MachineFailure.

        `gpu` is the one it has to itself, as CUDA_VISIBLE_DEVICES names it.
        """
        with locked_tempdir(self._trials / f"{job.label}-{os.getpid()}") as folder:
            try:
                work = self._cache.export(
                    "candidate", job.candidate, self._is_candidates, folder / "candidate"
                )
                result = self._process.candidate(work.folder, job.seed, gpu, work.snapshot)
            except (CannotLayOut, CannotStart) as cannot:
                return Outcome(Status.CRASH, cannot.what)
            self._cache.give_back("candidate", result.left)
            outcome = from_process(result)
            if outcome.status is Status.OUTPUT:
                remove(work.folder)  # to record that takes room, and it may have left none
            if outcome.status is not Status.OK:
                return outcome
            try:
                values = self._score(job, gpu, result, work, folder)
            except BadScore as bad:
                return replace(outcome, status=bad.status, reason=bad.reason)
            values |= measured_here(self.task, outcome, job.diff_lines)
            if "code_lines" in self.task.metrics:
                values["code_lines"] = float(self._code_lines.of(job.candidate))
            metrics = ordered(self.task, values)
            try:
                require(self.task, values)
            except BadScore as bad:
                failed = partial(metrics)
                return replace(outcome, status=bad.status, reason=bad.reason, metrics=failed)
            return replace(outcome, metrics=metrics)

    def _is_candidates(self, path: str) -> bool:
        # An output that was committed would stand in for one the candidate failed to write.
        stale = any(path == o or path.startswith(f"{o}/") for o in self.task.outputs)
        return not stale and self._candidate_policy.may_read(path).allowed

    def _score(
        self, job: Job, gpu: str | None, result: ProcessResult, work: ExportedTree, folder: Path
    ) -> dict[str, float]:
        """The metrics that the evaluator writes, or the candidate prints. Raises BadScore."""
        task, objective = self.task, self.task.objective
        if task.evaluate is not None:
            emit("measure: candidate ended")
            return self._evaluate(job, gpu, work, folder)
        if objective.pattern is None:
            return {}
        return read_printed(objective.pattern, result.log, objective.metric)

    def _evaluate(
        self, job: Job, gpu: str | None, work: ExportedTree, folder: Path
    ) -> dict[str, float]:
        """The pinned evaluator's metrics. What it prints may quote private data and is dropped."""
        metrics, scratch = folder / "metrics.json", folder / "scratch"
        # A protocol that cannot be laid out is the trunk's fault, and an error.
        bench = self._cache.export("evaluator", job.protocol, lambda _: True, folder / "evaluator")
        metrics.touch()
        scratch.mkdir()
        try:
            limit = self.task.budget.output_mb * MIB
            pass_outputs(self.task.outputs, work.folder, bench.folder, limit)
            result = self._process.evaluator(
                bench.folder, metrics, scratch, job.seed, gpu, bench.snapshot
            )
        except BadOutput as bad:
            raise BadScore(Status.METRIC, str(bad)) from None
        except CannotStart as cannot:
            raise BadScore(Status.EVALUATOR, cannot.what) from None
        self._cache.give_back("evaluator", result.left)
        if why := evaluator_failure(result):
            raise BadScore(Status.EVALUATOR, f"the evaluator failed: {why}{self._lacks(job)}")
        return read_metrics(metrics, self.task.objective.digits)

    def _lacks(self, job: Job) -> str:
        """What to say of an evaluator that reads `private/`, and none is committed."""
        repo, tree = self.lab.repo, job.protocol
        sources = (read(repo, tree, path) or b"" for path in self.task.evaluator_files)
        if find(repo, tree, "private") is not None or not any(b"private" in s for s in sources):
            return ""
        return "; it reads private/, and none is committed: git add -f private"
