"""The runner: one trial of a candidate under the protocol, in folders of its own, under limits."""

import os
import shlex
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from ..gitlab.facts import Metric, Status
from ..gitlab.lab import Lab
from ..gitlab.trees import Oid, lay_out, read, walk
from ..policies.guard import Policy
from ..policies.paths import matches
from ..policies.task import Task
from .environment import describe, find_command, trial_environment
from .outputs import BadOutput, pass_outputs
from .process import CannotStart, Limits, Ran, held_folder, run
from .score import BadScore, ordered, partial, read_metrics, read_printed, require

_MIB = 1 << 20
_STOPPED = {
    "timeout": Status.TIMEOUT,
    "memory": Status.MEMORY,
    "output": Status.OUTPUT,
    "processes": Status.CRASH,
}


@dataclass(frozen=True)
class Job:
    """What is run: a candidate's tree under a protocol's, with one seed."""

    label: str
    """Names the folder: the trial, as `42.1`."""
    candidate: Oid
    protocol: Oid
    seed: int
    diff_lines: int


@dataclass(frozen=True)
class Outcome:
    """How a trial ended. `duration` in seconds; `peak_memory` and `output_bytes` in bytes."""

    status: Status
    reason: str = ""
    metrics: tuple[Metric, ...] = ()
    duration: float = 0.0
    peak_memory: int = 0
    output_bytes: int = 0
    log: bytes = field(default=b"", repr=False)


class Runner:
    """Runs trials on this machine. `variables` is the environment trials inherit a part of."""

    executor = "local"
    sandbox = "none"

    def __init__(self, lab: Lab, task: Task, reader: Policy, variables: Mapping[str, str]) -> None:
        self._lab = lab
        self._task = task
        self._reader = reader
        self._variables = variables

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
                ran = self._start(self._task.candidate, work, job.seed, {})
            except CannotStart as cannot:
                return Outcome(Status.CRASH, f"{cannot.what}; {cannot.mend}")
            outcome = _ended(ran)
            if outcome.status is not Status.OK:
                return outcome
            try:
                values, log = self._score(job, ran, folder)
            except BadScore as bad:
                return replace(outcome, status=bad.status, reason=bad.reason)
            return self._judged(job, replace(outcome, log=outcome.log + log), values)

    def _belongs(self, path: str) -> bool:
        # An output that was committed would stand in for one the candidate failed to write.
        stale = any(path == o or path.startswith(f"{o}/") for o in self._task.outputs)
        return not stale and self._reader.may_read(path).allowed

    def _start(self, command: str, folder: Path, seed: int, extra: Mapping[str, str]) -> Ran:
        budget = self._task.budget
        limits = Limits(
            budget.trial_seconds, budget.trial_memory_mb * _MIB, budget.output_mb * _MIB
        )
        words = shlex.split(command)
        program = find_command(command, self._variables) or words[0]
        variables = {**trial_environment(self._variables, folder, seed), **extra}
        return run([program, *words[1:]], folder=folder, env=variables, limits=limits)

    def _score(self, job: Job, ran: Ran, folder: Path) -> tuple[dict[str, float], bytes]:
        objective = self._task.objective
        if self._task.evaluate is None:
            if objective.pattern is None:
                return {}, b""
            return read_printed(objective.pattern, ran.log, objective.metric), b""
        bench, metrics = folder / "evaluator", folder / "metrics.json"
        lay_out(self._lab.repo, job.protocol, bench, lambda _: True)
        try:
            limit = self._task.budget.output_mb * _MIB
            pass_outputs(self._task.outputs, folder / "candidate", bench, limit)
        except BadOutput as bad:
            raise BadScore(Status.METRIC, str(bad)) from None
        extra = {"AIRESEARCH_METRICS": str(metrics)}
        try:
            scored = _ended(self._start(self._task.evaluate, bench, job.seed, extra))
        except CannotStart as cannot:
            raise BadScore(Status.EVALUATOR, f"{cannot.what}; {cannot.mend}") from None
        if scored.status is not Status.OK:
            raise BadScore(Status.EVALUATOR, f"the evaluator: {scored.reason}")
        return read_metrics(metrics), b"\n--- evaluator ---\n" + scored.log if scored.log else b""

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


def _ended(ran: Ran) -> Outcome:
    """What a process's end says on its own."""
    status, reason = Status.OK, ""
    if ran.stopped:
        status, reason = _STOPPED[ran.stopped], ran.reason
    elif ran.code != 0:
        status, reason = Status.CRASH, f"{_exit(ran.code)}{_last_line(ran.log)}"
    return Outcome(
        status,
        reason,
        duration=ran.seconds,
        peak_memory=ran.peak_memory,
        output_bytes=ran.written,
        log=ran.log,
    )


def _exit(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit {code}"


def _last_line(log: bytes) -> str:
    lines = [line.strip() for line in log.decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""
