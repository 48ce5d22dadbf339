"""The runner: one trial of a candidate under the protocol, in folders of its own, under limits."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..gitlab.facts import Status
from ..gitlab.lab import Lab
from ..gitlab.trees import Oid, lay_out, read, walk
from ..policies.guard import Policy
from ..policies.paths import matches
from ..policies.task import Task
from .endings import Outcome, ended, failure
from .environment import describe, find_command
from .outputs import BadOutput, pass_outputs
from .process import CannotStart, Ran, held_folder
from .score import BadScore, ordered, partial, read_metrics, read_printed, require
from .stage import Stage

_MIB = 1 << 20


@dataclass(frozen=True)
class Job:
    """What is run: a candidate's tree under a protocol's, with one seed."""

    label: str
    """Names the folder: the trial, as `42.1`."""
    candidate: Oid
    protocol: Oid
    seed: int
    diff_lines: int


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

    def run(self, job: Job) -> Outcome:
        """The trial's outcome; nothing it started or wrote outlives it."""
        with held_folder(self._lab.home / "trials" / f"{job.label}-{os.getpid()}") as folder:
            work = folder / "candidate"
            lay_out(self._lab.repo, job.candidate, work, self._belongs)
            try:
                ran = self._stage.candidate(work, job.seed)
            except CannotStart as cannot:
                return Outcome(Status.CRASH, cannot.what)
            outcome = ended(ran)
            if outcome.status is not Status.OK:
                return outcome
            try:
                values = self._score(job, ran, folder)
            except BadScore as bad:
                return replace(outcome, status=bad.status, reason=bad.reason)
            return self._judged(job, outcome, values)

    def _belongs(self, path: str) -> bool:
        # An output that was committed would stand in for one the candidate failed to write.
        stale = any(path == o or path.startswith(f"{o}/") for o in self._task.outputs)
        return not stale and self._reader.may_read(path).allowed

    def _score(self, job: Job, ran: Ran, folder: Path) -> dict[str, float]:
        objective = self._task.objective
        if self._task.evaluate is not None:
            return self._evaluate(job, folder)
        if objective.pattern is None:
            return {}
        return read_printed(objective.pattern, ran.log, objective.metric)

    def _evaluate(self, job: Job, folder: Path) -> dict[str, float]:
        """The pinned evaluator's metrics. What it prints may quote private data and is dropped."""
        bench, metrics, scratch = (folder / n for n in ("evaluator", "metrics.json", "scratch"))
        lay_out(self._lab.repo, job.protocol, bench, lambda _: True)
        metrics.touch()
        scratch.mkdir()
        try:
            limit = self._task.budget.output_mb * _MIB
            pass_outputs(self._task.outputs, folder / "candidate", bench, limit)
            scored = self._stage.evaluator(bench, metrics, scratch, job.seed)
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
            "peak_memory_mb": outcome.peak_memory / _MIB,
            "output_mb": outcome.output_bytes / _MIB,
            "diff_lines": float(job.diff_lines),
        }
        if "code_lines" in wanted:
            values["code_lines"] = float(self._code_lines(job.candidate))
        return {name: value for name, value in values.items() if name in wanted}

    def _code_lines(self, candidate: Oid) -> int:
        """Lines that are not blank in the editable files."""
        repo = self._lab.repo
        paths = (e.path for e in walk(repo, candidate) if matches(self._task.editable, e.path))
        texts = (read(repo, candidate, path) or b"" for path in paths)
        return sum(1 for text in texts for line in text.splitlines() if line.strip())
