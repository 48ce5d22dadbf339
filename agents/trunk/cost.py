"""What a commit of a person on the trunk costs: nothing, verdicts, or a new base."""

import json
from dataclasses import replace
from enum import IntEnum

from ...gitlab.reader.trees import edits, find
from ...gitlab.reader.values import Objects
from ...gitlab.record.paths import TASK_FILE, TEAM_FILE
from ...gitlab.record.text import quote_path
from ...policies.paths import is_under
from ...policies.task.measurement import measurement
from ...policies.task.task import Task
from .measured import is_same_file
from .outside import inert_in, is_on_the_bus, is_outside, task_in


class Cost(IntEnum):
    """What follows from a commit, the dearer the higher."""

    NOTHING = 0
    VERDICTS = 1
    """Nodes are judged anew from what was measured."""
    BASE = 2
    """The trunk is measured anew, and the search goes on from there."""


def cost(objects: Objects, before: str, after: str) -> tuple[Cost, str]:
    """What it costs to go from one tree of the trunk to another, and why.

    Raises Unsound where an object is.
    """
    task, old = task_in(objects, after), task_in(objects, before)
    if task is None or not task.is_split:
        return Cost.BASE, f"there is no {TEAM_FILE} that reads"
    if old is None:
        return Cost.BASE, f"what stood before has no {TASK_FILE}"
    if not old.is_split:
        old = replace(old, inert=task.inert)
        if inert := inert_in(objects, after, task):
            return Cost.BASE, f"trials have seen {quote_path(inert[0])}, which is inert now"
    if measurement(old) != measurement(task):
        return Cost.BASE, f"{_differing(old, task)} of {TASK_FILE} changed"
    counts_lines = "code_lines" in task.metrics
    for edit in edits(objects, before, after):
        path, shown = edit.path, quote_path(edit.path)
        if is_on_the_bus(path) or is_outside(task, path):
            continue
        if is_under(path, ("private", *task.evaluator_files)):
            return Cost.BASE, f"{shown} is part of the protocol"
        if counts_lines or not is_same_file(objects, path, edit.old, edit.new):
            other = "is another program" if path.endswith(".py") else "is what trials see"
            return Cost.BASE, f"{shown} {other}"
    if judging(old) == judging(task):
        return Cost.NOTHING, ""
    return Cost.VERDICTS, "goal, bounds or promotion changed"


def judging(task: Task) -> tuple[object, ...]:
    """What recorded metrics are judged by."""
    objective = task.objective
    return objective.goal, objective.target, task.constraints, task.promotion


def starts_base(objects: Objects, commit: str) -> bool:
    """Whether the search starts anew at a person's commit of the trunk. Raises Unsound.

    Rules that cannot be read start nothing: nobody can work by them. Those that come after are
    compared with the last that could be.
    """
    here = objects.commit(commit)
    if not here.parents or find(objects, here.tree, TEAM_FILE) is None:
        return True
    older = objects.commit(here.parents[0])
    while _is_unreadable(objects, older.tree) and older.parents:
        older = objects.commit(older.parents[0])
    if _is_unreadable(objects, here.tree):
        return task_in(objects, older.tree) is None
    return cost(objects, older.tree, here.tree)[0] is Cost.BASE


def _is_unreadable(objects: Objects, tree: str) -> bool:
    """Whether a tree has a team.yaml, and no task that reads with it."""
    has_team = find(objects, tree, TEAM_FILE) is not None
    return has_team and task_in(objects, tree) is None


def _differing(old: Task, task: Task) -> str:
    """The keys in which two tasks measure otherwise."""
    before, after = (json.loads(measurement(one)) for one in (old, task))
    return ", ".join(key for key in after if before[key] != after[key])
