"""What a commit of a person on the trunk costs: nothing, verdicts, or a new base."""

from enum import IntEnum

from ...gitlab.reader.trees import edits, read
from ...gitlab.reader.values import EMPTY, Objects
from ...gitlab.record.paths import TASK_FILE, TEAM_FILE
from ...gitlab.record.text import quote_path
from ...policies.paths import is_under
from ...policies.task.measurement import measurement
from ...policies.task.task import Task
from .measured import is_same_file
from .outside import is_on_the_bus, is_outside, task_in


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
        return Cost.BASE, f"it has no {TEAM_FILE} that reads"
    if old is None:
        return Cost.BASE, f"what stood before has no {TASK_FILE}"
    if measurement(old) != measurement(task):
        return Cost.BASE, f"what {TASK_FILE} measures is another"
    for edit in edits(objects, before, after):
        path, shown = edit.path, quote_path(edit.path)
        if is_on_the_bus(path) or path == TASK_FILE:
            continue
        was, now = is_outside(old, path), is_outside(task, path)
        if was != now and old.is_split:
            return Cost.BASE, f"{shown} is {'left out of' if now else 'part of'} trials now"
        if now:
            continue
        if is_under(path, ("private", *task.evaluator_files)):
            return Cost.BASE, f"{shown} is part of the protocol"
        if not is_same_file(objects, path, edit.old, edit.new):
            return Cost.BASE, f"{shown} is another program"
    if old.is_split and (moved := _moved(objects, after, old, task)):
        return Cost.BASE, f"{quote_path(moved)} is seen by trials or not, other than before"
    is_judged_alike = judging(old) == judging(task)
    return (Cost.NOTHING, "") if is_judged_alike else (Cost.VERDICTS, "it judges otherwise")


def judging(task: Task) -> tuple[object, ...]:
    """What recorded metrics are judged by."""
    objective = task.objective
    return objective.goal, objective.target, task.constraints, task.promotion


def starts_base(objects: Objects, commit: str) -> bool:
    """Whether the search starts anew at a person's commit of the trunk. Raises Unsound."""
    here = objects.commit(commit)
    if not here.parents or read(objects, here.tree, TEAM_FILE) is None:
        return True
    return cost(objects, objects.commit(here.parents[0]).tree, here.tree)[0] is Cost.BASE


def _moved(objects: Objects, tree: str, old: Task, task: Task) -> str:
    """A path that is seen by trials under one of two tasks only; empty where there is none."""
    if (old.editable, old.team) == (task.editable, task.team):
        return ""
    every = (path for path, _, _ in edits(objects, EMPTY, tree))
    return next((p for p in every if is_outside(old, p) != is_outside(task, p)), "")
