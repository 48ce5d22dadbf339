"""The rules that hold at a commit of the trunk: task, protocol and each agent's policy."""

from functools import cached_property

from ....gitlab.lab.lab import Lab
from ....gitlab.store.trees import Oid
from ....policies.access.guard import Policy
from ...setup.task_file import read_task
from ...setup.team_policies import read_permits


class Rules:
    """What the tree `tree` says, of a commit of the trunk or of an agent's own folder.

    Raises AiresearchError where it says nothing that can be read.
    """

    def __init__(self, lab: Lab, tree: Oid) -> None:
        self._lab, self._tree = lab, tree
        self.task = read_task(lab, tree)
        self._permits = read_permits(lab, tree, self.task)

    @cached_property
    def protocol(self) -> str:
        """The object name of the protocol."""
        return str(self._lab.protocol(self._tree, self.task.protected_paths))

    def policy(self, agent: str) -> Policy | None:
        """What `agent` may do; None where it is not of the team."""
        return self._permits.get(agent)
