"""The task as a tree of the lab has it."""

from ..gitlab.errors import AiresearchError
from ..gitlab.lab import Lab
from ..gitlab.trees import Oid, read
from ..policies.task import FILE, Task, parse_task


def read_task(lab: Lab, tree: Oid) -> Task:
    """The task that stands in `tree`."""
    text = read(lab.repo, tree, FILE)
    if text is None:
        raise AiresearchError(f"{FILE} is not on the trunk", "make it a lab: airesearch init")
    return parse_task(text)
