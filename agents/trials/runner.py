"""The runner: one trial of a candidate under the protocol, in folders of its own, under limits."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ...gitlab.events import emit
from ...gitlab.lab.lab import Lab
from ...gitlab.record.facts import Status
from ...gitlab.store.trees import EMPTY, Oid, differences, read
from ...policies.access.guard import Policy
from ...policies.paths import matches
from ...policies.task.task import MIB, Task
from ..executors.environment import describe, find_command
from ..executors.local.folder_cache import Laid, Pool
from ..executors.local.process import CannotStart, Ran, held_folder
from ..executors.local.trial_process import Stage
from .outcome import Outcome, ended, failure
from .outputs import BadOutput, pass_outputs
from .score import BadScore, ordered, partial, read_metrics, read_printed, require


@dataclass(frozen=True)
class Job:
    """What is run: a candidate's tree under a protocol's, with one seed."""

    label: str
    """Names the folder: the trial, as `42.1`."""
    candidate: Oid
    protocol: Oid
    seed: int
    diff_lines: int
    gpu: str | None = None
    """The GPU it has to itself, as CUDA_VISIBLE_DEVICES names it."""


class Runner:
    """Runs trials on this machine. `variables` is the environment trials inherit a part of."""

    executor = "local"

    def __init__(self, lab: Lab, task: Task, reader: Policy, variables: Mapping[str, str]) -> None:
        self._lab = lab
        self._task = task
        self._reader = reader
        self._variables = variables
        private = (lab.home, lab.repo.workdir, variables.get("HOME"))
        self._stage = Stage(task, variables, tuple(Path(place) for place in private if place))
        self._counted = EMPTY, 0
        """The candidate whose lines were last counted, and how many it has."""

    @property
    def sandbox(self) -> str:
        """What holds trials here: `bwrap`, `landlock` or `none`."""
        return self._stage.kind

    @property
    def evaluator(self) -> str:
        """Who gives the score: the pinned evaluator, or the candidate itself."""
        return "self-reported" if self._task.evaluate is None else "pinned"

    @cached_property
    def environment(self) -> bytes:
        """What `research/environment.json` holds."""
        return describe(find_command(self._task.candidate, self._variables))

    def prepare(self) -> None:
        """Find out now what is the same for every trial here; forks of this process know it then.

        That takes some tenths of a second: programs are asked where they are and what they need.
        """
        _ = self.environment
        self._stage.prepare()

    @property
    def _trials(self) -> Path:
        return self._lab.home / "trials"

    @cached_property
    def _pool(self) -> Pool:
        return Pool(self._lab.repo, self._trials, is_sealed=self.sandbox != "none")

    def run(self, job: Job) -> Outcome:
        """The trial's outcome; nothing it started or wrote outlives it."""
        with held_folder(self._trials / f"{job.label}-{os.getpid()}") as folder:
            work = self._pool.lay_out(
                "candidate", job.candidate, self._belongs, folder / "candidate"
            )
            try:
                ran = self._stage.candidate(work.folder, job.seed, job.gpu, work.known)
            except CannotStart as cannot:
                return Outcome(Status.CRASH, cannot.what)
            outcome = ended(ran)
            if outcome.status is not Status.OK:
                return outcome
            try:
                values = self._score(job, ran, work, folder)
            except BadScore as bad:
                return replace(outcome, status=bad.status, reason=bad.reason)
            return self._judged(job, outcome, values)

    def _belongs(self, path: str) -> bool:
        # An output that was committed would stand in for one the candidate failed to write.
        stale = any(path == o or path.startswith(f"{o}/") for o in self._task.outputs)
        return not stale and self._reader.may_read(path).allowed

    def _score(self, job: Job, ran: Ran, work: Laid, folder: Path) -> dict[str, float]:
        objective = self._task.objective
        if self._task.evaluate is not None:
            emit("measure: candidate ended")
            return self._evaluate(job, work, folder)
        if objective.pattern is None:
            return {}
        return read_printed(objective.pattern, ran.log, objective.metric)

    def _evaluate(self, job: Job, work: Laid, folder: Path) -> dict[str, float]:
        """The pinned evaluator's metrics. What it prints may quote private data and is dropped."""
        metrics, scratch = folder / "metrics.json", folder / "scratch"
        bench = self._pool.lay_out("evaluator", job.protocol, lambda _: True, folder / "evaluator")
        metrics.touch()
        scratch.mkdir()
        try:
            limit = self._task.budget.output_mb * MIB
            pass_outputs(self._task.outputs, work.folder, bench.folder, limit)
            scored = self._stage.evaluator(
                bench.folder, metrics, scratch, job.seed, job.gpu, bench.known
            )
        except BadOutput as bad:
            raise BadScore(Status.METRIC, str(bad)) from None
        except CannotStart as cannot:
            raise BadScore(Status.EVALUATOR, cannot.what) from None
        if why := failure(scored):
            raise BadScore(Status.EVALUATOR, f"the evaluator failed: {why}")
        return read_metrics(metrics)

    def _judged(self, job: Job, outcome: Outcome, values: dict[str, float]) -> Outcome:
        values = {**values, **self._built_in(job, outcome)}
        metrics = ordered(self._task, values)
        try:
            require(self._task, values)
        except BadScore as bad:
            status, reason = bad.status, bad.reason
            return replace(outcome, status=status, reason=reason, metrics=partial(metrics))
        return replace(outcome, metrics=metrics)

    def _built_in(self, job: Job, outcome: Outcome) -> dict[str, float]:
        """The built-in metrics the task speaks of."""
        wanted = set(self._task.metrics)
        values = {
            "train_seconds": outcome.duration,
            "peak_memory_mb": outcome.peak_memory / MIB,
            "output_mb": outcome.output_bytes / MIB,
            "diff_lines": float(job.diff_lines),
        }
        if "code_lines" in wanted:
            values["code_lines"] = float(self._code_lines(job.candidate))
        return {name: value for name, value in values.items() if name in wanted}

    def _code_lines(self, candidate: Oid) -> int:
        """Lines that are not blank in the editable files."""
        # Counted on from the last candidate: a large repository is read once, not at each trial.
        before, count = self._counted
        try:
            count += self._more_lines(before, candidate)
        except KeyError:  # no commit holds that tree: gc may have taken it
            count = self._more_lines(EMPTY, candidate)
        self._counted = candidate, count
        return count

    def _more_lines(self, before: Oid, after: Oid) -> int:
        changes = differences(self._lab.repo, before, after)
        paths = [one.path for one in changes if matches(self._task.editable, one.path)]
        return sum(self._lines(after, path) - self._lines(before, path) for path in paths)

    def _lines(self, tree: Oid, path: str) -> int:
        text = read(self._lab.repo, tree, path) or b""
        return sum(1 for line in text.splitlines() if line.strip())
