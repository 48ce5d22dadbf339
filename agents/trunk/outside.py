"""Which paths trials never see: those that steer, and those that are inert."""

from ...gitlab.errors import AiresearchError
from ...gitlab.reader.trees import edits, find, read
from ...gitlab.reader.values import EMPTY, Objects
from ...gitlab.record.paths import BUS, STEERING, TASK_FILE, TEAM_FILE
from ...policies.paths import is_under, matches
from ...policies.task.rules import files_in, plain
from ...policies.task.task import Task, load_task


def task_in(objects: Objects, tree: str) -> Task | None:
    """The task in a tree, with its team; None where it holds none, or none that reads."""
    text, team = read(objects, tree, TASK_FILE), read(objects, tree, TEAM_FILE)
    if team is None and find(objects, tree, TEAM_FILE) is not None:
        return None  # a link or a folder
    try:
        return None if text is None else load_task(text, team)
    except AiresearchError:
        return None


def is_steering(path: str) -> bool:
    """Whether a path says how the search goes on."""
    return path.partition("/")[0] in STEERING


def is_inert(task: Task, path: str) -> bool:
    """Whether the task leaves a path out of what trials see."""
    if not matches(task.inert, path) or matches(task.editable, path):
        return False
    seen = (*task.evaluator_files, *map(plain, task.outputs), *files_in(task.candidate))
    return not is_under(path, ("private", *seen))


def inert_in(objects: Objects, tree: str, task: Task) -> tuple[str, ...]:
    """The paths of a tree that the task leaves out of what trials see."""
    return tuple(path for path, _, _ in edits(objects, EMPTY, tree) if is_inert(task, path))


def is_outside(task: Task, path: str) -> bool:
    """Whether a path is no part of a candidate: the task itself, what steers, what is inert."""
    return path == TASK_FILE or is_steering(path) or is_inert(task, path)


def is_on_the_bus(path: str) -> bool:
    """Whether a path tells of trials."""
    return path.partition("/")[0] == BUS
