"""What each agent of a task may do, as a tree of the lab and the shipped defaults have it."""

import difflib
from collections.abc import Mapping
from pathlib import Path

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.lab import Lab
from ...gitlab.store.trees import Oid, find, pick, read, walk
from ...policies import access
from ...policies.access.agent_policy import FOLDER, AgentPolicy, parse_policy, policy_file
from ...policies.access.guard import GIT_ALONE, ProposerPolicy, merge_policy, proposer_policy
from ...policies.task.task import Task


def read_permits(lab: Lab, tree: Oid, task: Task) -> Mapping[str, ProposerPolicy]:
    """The policy of each agent of the team by its name, and that of git's own merges.

    Raises AiresearchError where a policy cannot be read or is nobody's.
    """
    _require_owners(lab, tree, task)
    permits = {GIT_ALONE: merge_policy(task)}
    for name, member in task.team.items():
        file = policy_file(name)
        own = read(lab.repo, tree, file)
        if own is None and find(lab.repo, tree, file) is not None:
            raise AiresearchError(f"{file} is no regular file", "put the policy itself there")
        shipped = shipped_policy(member.backend, name)
        rules = shipped if own is None else parse_policy(own, file, name)
        if not rules.read:
            raise AiresearchError(
                f"{file} gives no `read:`, so {name} may read nothing",
                "say what it may read: `read: ['*']`",
            )
        permits[name] = proposer_policy(name, task, rules)
    return permits


def shipped_policy(backend: str, agent: str) -> AgentPolicy:
    """What an agent may do whose lab says nothing: its backend's policy, or else the default."""
    shipped = [Path(access.__path__[0], f"{name}.yaml") for name in (backend, "default")]
    file = next(file for file in shipped if file.exists())
    return parse_policy(file.read_bytes(), file.name, agent)


def _require_owners(lab: Lab, tree: Oid, task: Task) -> None:
    """A slip in a file's name must not leave an agent with more than was meant."""
    for entry in walk(lab.repo, pick(lab.repo, tree, [FOLDER])):
        file = Path(entry.path)
        if file.suffix not in (".yaml", ".yml") or entry.path in map(policy_file, task.team):
            continue
        near = difflib.get_close_matches(entry.path, map(policy_file, task.team), 1)
        raise AiresearchError(
            f"{entry.path} is the policy of no agent of the team",
            f"did you mean {near[0]}?" if near else f"the team is: {', '.join(task.team)}",
        )
