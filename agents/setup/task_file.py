"""The task as a tree of the lab has it."""

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.lab import Lab
from ...gitlab.record.paths import TEAM_FILE
from ...gitlab.store.trees import Oid, find, read
from ...policies.task.task import FILE, Task, load_task, parse_task


def read_task(lab: Lab, tree: Oid, *, checked: bool = True) -> Task:
    """The task that stands in `tree`. Raises AiresearchError where there is none, or a wrong one.

    Not `checked`, it may be one that no longer runs: types alone must fit. That is faster, and
    enough to look at a lab.
    """
    text, team = (read(lab.repo, tree, file) for file in (FILE, TEAM_FILE))
    if text is None:
        raise AiresearchError(f"{FILE} is not on the trunk", "make it a lab: airesearch init")
    if team is None and find(lab.repo, tree, TEAM_FILE) is not None:
        raise AiresearchError(f"{TEAM_FILE} is no regular file", "put the team itself there")
    return parse_task(text, team) if checked else load_task(text, team)
