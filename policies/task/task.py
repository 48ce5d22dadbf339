"""The task: `airesearch.yaml` as a frozen value, checked as a whole before anything is written.

Where a `team.yaml` lies beside it, the keys of `Team` stand there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from ...gitlab.record.facts import Goal
from ...gitlab.record.paths import STEERING, TASK_FILE, TEAM_FILE
from . import rules
from .schema import Document, load_document
from .team import Member, Search, Team

FILE = TASK_FILE
MIB = 1 << 20
"""Bytes in a megabyte, as limits and figures have it."""
BUILT_IN = ("train_seconds", "peak_memory_mb", "output_mb", "code_lines", "diff_lines")
"""Metrics the runner measures itself; a candidate cannot report them."""

INERT = ("/*.md", "/docs/", "/.github/", "/.gitignore", "/LICENSE*")
"""What trials never see, where the task says nothing else."""


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
    digits: int | None = None
    """Significant digits that what the evaluator writes is rounded to; without it, none is lost."""
    timing: bool = False
    """Whether the machine's load moves the metric, as it does `train_seconds`: the two sides of a
    comparison are then run one after the other, and nothing measured earlier is compared with."""


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
class Resources:
    """What one trial takes of a machine; trials beside each other never take more than there is."""

    cpus: int = 1
    """Processors a trial keeps busy."""
    gpus: tuple[str, ...] = ()
    """The machine's GPUs, by number or name: a trial has one, as CUDA_VISIBLE_DEVICES."""


@dataclass(frozen=True)
class Promotion:
    """When a candidate replaces the incumbent."""

    confidence: float = 0.95
    """The chance that a whole campaign promotes nothing that is no better."""
    min_effect: float = 0.0
    """The smallest gain in the objective that counts as better."""
    replicates: int = 30
    """Trials at most for a candidate worth it, on as many seeds; 1 trusts a single trial."""
    simpler: float | None = None
    """How much worse a candidate with fewer code lines may be; without it, not even as good."""


@dataclass(frozen=True)
class Holdout:
    """A sealed second opinion on what is promoted, from other data; no agent is told of it."""

    evaluate: str
    """The command that scores, run like the task's `evaluate`."""
    metric: str
    """The metric it writes."""
    looks: int = 20
    """Promotions that are looked at, counted from the base."""


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
    inert: tuple[str, ...] = INERT
    """With a `team.yaml`: what trials never see, so that its changes cost nothing."""
    constraints: tuple[Constraint, ...] = ()
    sandbox: Literal["auto", "bwrap", "landlock", "none"] = "auto"
    """`auto` takes the strongest this machine has; `none` runs trials as the user."""
    data: tuple[str, ...] = ()
    """Absolute folders outside the lab that trials may read."""
    devices: tuple[str, ...] = ()
    """Devices trials may use, as `/dev/nvidia0`."""
    budget: Budget = Budget()
    resources: Resources | None = None
    """Without it as many trials run at a time as there are workers."""
    promotion: Promotion = Promotion()
    holdout: Holdout | None = None
    search: Search = field(default_factory=Search)
    knobs: dict[str, str] = field(default_factory=dict)
    team: dict[str, Member] = field(default_factory=lambda: {"tuner": Member("tuner")})

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics the task speaks of, the objective first."""
        wanted = [self.objective.metric, *(bound.metric for bound in self.constraints)]
        counted = [] if self.promotion.simpler is None else ["code_lines"]
        return tuple(dict.fromkeys([*wanted, *counted]))

    @property
    def is_timing(self) -> bool:
        """Whether the machine's load moves the objective."""
        return self.objective.timing or self.objective.metric == "train_seconds"

    @property
    def is_split(self) -> bool:
        """Whether the team has a file of its own: what it says may change in mid-campaign."""
        return False

    @property
    def team_file(self) -> str:
        """Where the team stands."""
        return TEAM_FILE if self.is_split else FILE

    @property
    def evaluator_files(self) -> tuple[str, ...]:
        """The files that either evaluator's command names, and those listed as protected."""
        sealed = "" if self.holdout is None else self.holdout.evaluate
        commands = [*rules.files_in(self.evaluate or ""), *rules.files_in(sealed)]
        return tuple(dict.fromkeys([*commands, *map(rules.plain, self.protected)]))

    @property
    def protected_paths(self) -> tuple[str, ...]:
        """The files and folders that no agent changes; some may not exist.

        In a lab without a `team.yaml` they are the protocol.
        """
        steering = STEERING if self.is_split else ("policies",)
        scripts = (rules.plain(member.script) for member in self.team.values() if member.script)
        files = [FILE, *steering, "private", *self.evaluator_files, *scripts]
        return tuple(dict.fromkeys(files))


class SplitTask(Task):
    """What `airesearch.yaml` and `team.yaml` say together."""

    @property
    def is_split(self) -> bool:
        return True


@lru_cache(maxsize=4)
def parse_task(source: str | bytes, team: str | bytes | None = None) -> Task:
    """The task that `source` describes, with the `team.yaml` beside it where there is one.

    Raises SchemaError with line and mend where it does not.
    """
    document, beside = _documents(source, team)
    task = _merged(document, beside)
    for problem in _problems(task):
        of_team = beside is not None and is_teams(problem.key)
        where: Document[Any] = beside if of_team and beside is not None else document
        raise where.error(problem.key, problem.what, problem.mend)
    return task


# Most commits of a trunk have the same task, and YAML is slow.
@lru_cache(maxsize=64)
def load_task(source: str | bytes, team: str | bytes | None = None) -> Task:
    """The same with types alone checked: to look at a lab whose task no longer runs, and faster."""
    return _merged(*_documents(source, team))


def _documents(
    source: str | bytes, team: str | bytes | None
) -> tuple[Document[Task], Document[Team] | None]:
    document = load_document(Task, source, FILE)
    if team is None:
        if "inert" in document.lines:
            mend = (
                f"add a {TEAM_FILE}; in a lab with nodes, airesearch doctor --fix does, without it"
            )
            raise document.error("inert", f"inert has no effect without {TEAM_FILE}", mend)
        return document, None
    for key in document.lines:
        if is_teams(key):
            what = f"{key} stands in {TEAM_FILE}, where there is one"
            raise document.error(key, what, f"move it to {TEAM_FILE}")
    return document, load_document(Team, team, TEAM_FILE)


def is_teams(key: str) -> bool:
    """Whether a dotted key of a task stands in `team.yaml`, where there is one."""
    first, _, second = key.partition(".")
    return first in ("team", "search", "knobs") or (
        first == "budget" and second in ("trials", "hours")
    )


def _merged(document: Document[Task], beside: Document[Team] | None) -> Task:
    task = document.value
    if beside is None:
        return task
    team = beside.value
    budget = replace(task.budget, trials=team.budget.trials, hours=team.budget.hours)
    parts = {
        **vars(task),
        "budget": budget,
        "search": team.search,
        "team": team.team,
        "knobs": team.knobs,
    }
    return SplitTask(**parts)


def _problems(task: Task) -> Iterator[rules.Problem]:
    # Commands first: the paths they name are known only once they can be split into words.
    yield from rules.command("candidate", task.candidate)
    if task.evaluate is not None:
        yield from rules.command("evaluate", task.evaluate)
    if task.holdout is not None:
        yield from rules.command("holdout.evaluate", task.holdout.evaluate)
        yield from rules.metric("holdout.metric", task.holdout.metric, None)
        yield from rules.limit("holdout.looks", task.holdout.looks)
    yield from _score_problems(task)
    yield from rules.digits("objective.digits", task.objective.digits)
    for place, bound in enumerate(task.constraints):
        yield from rules.bounds(f"constraints[{place}]", bound.metric, bound.min, bound.max)
    for limit in task.budget.__dataclass_fields__:
        yield from rules.limit(f"budget.{limit}", getattr(task.budget, limit))
    if task.resources is not None:
        yield from rules.limit("resources.cpus", task.resources.cpus)
        yield from rules.gpus("resources.gpus", task.resources.gpus)
    yield from rules.effect("promotion.min_effect", task.promotion.min_effect)
    yield from rules.effect("promotion.simpler", task.promotion.simpler or 0.0)
    yield from rules.confidence("promotion.confidence", task.promotion.confidence)
    yield from rules.replicates("promotion.replicates", task.promotion.replicates)
    yield from rules.patterns("editable", task.editable)
    yield from rules.paths("protected", task.protected)
    if task.inert:
        yield from rules.patterns("inert", task.inert)
    yield from rules.paths("outputs", task.outputs)
    yield from rules.apart("outputs", task.outputs, task.protected_paths)
    yield from rules.agents("team", task.team)
    yield from rules.knobs("knobs", task.knobs)
    for name, member in task.team.items():
        yield from rules.opens(f"team.{name}.opens", member.opens)


def _score_problems(task: Task) -> Iterator[rules.Problem]:
    pattern = task.objective.pattern
    made = (*BUILT_IN, task.objective.metric) if pattern is not None else BUILT_IN
    keys = ["objective.metric", *(f"constraints[{i}].metric" for i in range(len(task.constraints)))]
    metrics = [task.objective.metric, *(bound.metric for bound in task.constraints)]
    for key, metric in zip(keys, metrics, strict=True):
        yield from rules.metric(key, metric, None if task.evaluate is not None else made)
    if pattern is not None:
        yield from rules.printed_score("objective.pattern", pattern, task.evaluate is not None)
