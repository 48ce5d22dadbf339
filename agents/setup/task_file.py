"""The task as a tree of the lab has it."""

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.lab import Lab
from ...gitlab.store.trees import Oid, read
from ...policies.task.task import FILE, Task, load_task, parse_task


def read_task(lab: Lab, tree: Oid) -> Task:
    """The task that stands in `tree`, every rule checked."""
    return parse_task(_text(lab, tree))


def glance_at_task(lab: Lab, tree: Oid) -> Task:
    """The task that stands in `tree`, for commands that only look."""
    return load_task(_text(lab, tree))


def _text(lab: Lab, tree: Oid) -> bytes:
    text = read(lab.repo, tree, FILE)
    if text is None:
        raise AiresearchError(f"{FILE} is not on the trunk", "make it a lab: airesearch init")
    return text
