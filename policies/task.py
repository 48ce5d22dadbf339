"""The task: `airesearch.yaml` as a frozen value, checked as a whole before anything is written."""

import re
from dataclasses import dataclass, field

from ..gitlab.facts import METRIC_NAME, Goal
from .schema import SchemaError, load

FILE = "airesearch.yaml"
BUILT_IN = ("train_seconds", "peak_memory_mb", "output_mb", "code_lines", "diff_lines")
"""Metrics the runner measures itself; a candidate cannot report them."""
_AGENT_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_OURS = ("airesearch", "runner", "judge")


@dataclass(frozen=True)
class Objective:
    """What the search is for."""

    metric: str
    """The metric to improve."""
    goal: Goal
    """Whether less or more of it is better."""
    target: float | None = None
    """A value that is good enough: the run ends there."""
    pattern: str | None = None
    """A regular expression whose first group is the score on stdout; only without `evaluate`."""


@dataclass(frozen=True)
class Constraint:
    """A gate: a candidate that misses it cannot rank."""

    metric: str
    """The metric that is bounded."""
    max: float | None = None
    """The largest value allowed."""
    min: float | None = None
    """The smallest value allowed."""


@dataclass(frozen=True)
class Budget:
    """What the whole campaign, and what one trial, may use."""

    trials: int | None = None
    """Trials in all, the baseline's and failed ones included."""
    hours: float | None = None
    """Hours of trial time in all."""
    trial_seconds: float = 600.0
    """Wall-clock seconds for the candidate, and again for the evaluator."""
    trial_memory_mb: int = 4096
    """Memory of a trial's processes together, in MiB."""
    output_mb: int = 64
    """MiB a trial may write, and again MiB it may print."""


@dataclass(frozen=True)
class Promotion:
    """When a candidate replaces the incumbent."""

    min_effect: float = 0.0
    """The smallest gain in the objective that counts as better."""


@dataclass(frozen=True)
class Search:
    """How the next node is chosen."""

    policy: str = "tree"
    """`greedy` or `tree`."""


@dataclass(frozen=True)
class Member:
    """An agent of the team."""

    backend: str
    """What proposes in its name: `tuner` or `scripted`."""
    script: str | None = None
    """For `scripted`: the file of edits to replay."""


@dataclass(frozen=True)
class Task:
    """Everything `airesearch.yaml` says."""

    name: str
    objective: Objective
    candidate: str
    """The command under research, run in the candidate's files."""
    editable: tuple[str, ...]
    """What agents may change: gitignore patterns, last match wins."""
    evaluate: str | None = None
    """The command that scores, run in the protected files and the candidate's outputs."""
    outputs: tuple[str, ...] = ()
    """The files that pass from candidate to evaluator."""
    protected: tuple[str, ...] = ()
    """More files and folders only a human may change; the evaluator sees them too."""
    constraints: tuple[Constraint, ...] = ()
    budget: Budget = Budget()
    promotion: Promotion = Promotion()
    search: Search = Search()
    team: dict[str, Member] = field(default_factory=lambda: {"tuner": Member("tuner")})

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics the task speaks of, the objective first."""
        return tuple(dict.fromkeys([self.objective.metric, *(c.metric for c in self.constraints)]))

    @property
    def protected_paths(self) -> tuple[str, ...]:
        """The files and folders that are the protocol; some may not exist."""
        program, *words = (self.evaluate or "-").split()
        named_in = [*([program] if "/" in program else []), *words]
        scripts = [w.strip("'\"").removeprefix("./") for w in named_in if w[0] not in "-/"]
        files = (member.script for member in self.team.values() if member.script)
        named = (FILE, "policies", "private", *scripts, *self.protected, *files)
        return tuple(dict.fromkeys(path.strip("/") for path in named if path.strip("/")))


def parse_task(text: str) -> Task:
    """The task that `text` describes. Raises SchemaError with key and mend where it does not."""
    task = load(Task, text, FILE)
    for problem, mend in _problems(task):
        raise SchemaError(f"{FILE}: {problem}", mend)
    return task


def _problems(task: Task) -> list[tuple[str, str]]:
    return [
        *_metric_problems(task),
        *_budget_problems(task.budget),
        *_path_problems(task),
        *_team_problems(task),
    ]


def _metric_problems(task: Task) -> list[tuple[str, str]]:
    found = []
    produced = {*BUILT_IN, task.objective.metric if task.objective.pattern else ""}
    for metric in task.metrics:
        if not METRIC_NAME.fullmatch(metric):
            found.append((f"{metric!r} cannot be a metric's name", "use letters, digits and _"))
        elif task.evaluate is None and metric not in produced:
            found.append(
                (
                    f"nothing produces the metric {metric!r}",
                    "add `evaluate: python evaluate.py` (it writes a JSON object to "
                    "$AIRESEARCH_METRICS), or objective.pattern to read it from stdout",
                )
            )
    if task.evaluate is not None and task.objective.pattern is not None:
        found.append(("objective.pattern and evaluate both give the score", "keep one of them"))
    if task.objective.pattern is not None:
        found += _pattern_problems(task.objective.pattern)
    for bound in task.constraints:
        if bound.max is None and bound.min is None:
            found.append((f"the constraint on {bound.metric} has no bound", "add max or min"))
    return found


def _pattern_problems(pattern: str) -> list[tuple[str, str]]:
    mend = "write one group around the number, as in 'val_error: ([-+.eE0-9]+)'"
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        return [(f"objective.pattern is no regular expression: {error}", mend)]
    return [] if groups else [("objective.pattern has no group", mend)]


def _budget_problems(budget: Budget) -> list[tuple[str, str]]:
    limits = {name: getattr(budget, name) for name in budget.__dataclass_fields__}
    return [
        (f"budget.{name} is {value}", "give a number above zero, or leave the line out")
        for name, value in limits.items()
        if value is not None and value <= 0
    ]


def _path_problems(task: Task) -> list[tuple[str, str]]:
    found = []
    for key, command in (("candidate", task.candidate), ("evaluate", task.evaluate)):
        if command is not None and not command.strip():
            found.append((f"{key} is empty", f"write a command, as in `{key}: python {key}.py`"))
    if not task.editable:
        found.append(("editable is empty", "name a file agents may change: `editable: [train.py]`"))
    for path in (*task.outputs, *task.protected):
        if path.startswith("/") or ".." in path.split("/"):
            found.append((f"the path {path!r} leads out of the lab", "give a path inside it"))
    for path in set(task.outputs) & set(task.protected_paths):
        found.append((f"{path!r} is both an output and protected", "remove it from one of the two"))
    return found


def _team_problems(task: Task) -> list[tuple[str, str]]:
    found = []
    if not task.team:
        found.append(("team is empty", "add an agent: `team: {tuner: {backend: tuner}}`"))
    for name in task.team:
        if not _AGENT_NAME.fullmatch(name) or name in _OURS:
            found.append(
                (
                    f"{name!r} cannot be an agent's name",
                    f"use lower-case letters, digits, - and _, and none of {', '.join(_OURS)}",
                )
            )
    return found
