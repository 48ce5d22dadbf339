"""The rules at a commit of trunk, as its tree has them: task, policies and protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ...gitlab.errors import AiresearchError
from ...gitlab.reader.trees import edits, find, read
from ...gitlab.reader.values import EMPTY, FOLDER, Objects
from ...gitlab.record.paths import TEAM_FILE
from ...policies.access import agent_policy
from ...policies.access.agent_policy import AgentPolicy, parse_policy, policy_file
from ...policies.access.guard import GIT_ALONE, Policy, merge_policy, proposer_policy
from ...policies.promotion.ruling import Standard, standard_of
from ...policies.task.rules import plain
from ...policies.task.task import FILE, Task, load_task, parse_task
from ..setup.team_policies import shipped_policy


@dataclass(frozen=True)
class Rules:
    """What the nodes that grew from a commit of trunk are held to."""

    task: Task
    policies: Mapping[str, Policy]
    """What each agent of the team may do, and git alone."""

    @cached_property
    def standard(self) -> Standard:
        """What a promotion is held to."""
        return standard_of(self.task)


def read_rules(objects: Objects, tree: str) -> Rules:
    """The rules in a tree. Raises AiresearchError where they cannot be read, and Unsound."""
    text = read(objects, tree, FILE)
    if text is None:
        raise AiresearchError(f"it holds no {FILE}")
    team = read(objects, tree, TEAM_FILE)
    if team is None and find(objects, tree, TEAM_FILE) is not None:
        raise AiresearchError(f"{TEAM_FILE} is no regular file")
    task = load_task(text, team)
    policies: dict[str, Policy] = {GIT_ALONE: merge_policy(task)}
    for name, member in task.team.items():
        file = policy_file(name)
        own = read(objects, tree, file)
        if own is None and find(objects, tree, file) is not None:
            raise AiresearchError(f"{file} is no regular file")
        policies[name] = proposer_policy(name, task, _load_policy(own, member.backend, name))
    folder = find(objects, tree, agent_policy.FOLDER)
    if folder is not None and folder.mode == FOLDER:
        for edit in edits(objects, EMPTY, folder.oid):
            file = f"{agent_policy.FOLDER}/{edit.path}"
            if file.endswith((".yaml", ".yml")) and file not in map(policy_file, task.team):
                raise AiresearchError(f"{file} is the policy of no agent of the team")
    return Rules(task, policies)


def require_runnable(objects: Objects, tree: str) -> None:
    """Raises AiresearchError with the mend where each step under the rules in a tree would do so.

    Of rules that are about to come alone: those that nodes went by need only be read.
    """
    text = read(objects, tree, FILE)
    if text is None:
        raise AiresearchError(f"it removes {FILE}", f"bring it back: git checkout HEAD -- {FILE}")
    task = parse_task(text, read(objects, tree, TEAM_FILE))
    for name, member in task.team.items():
        script = member.script and plain(member.script)
        if script and find(objects, tree, script) is None:
            raise AiresearchError(
                f"{task.team_file}: team.{name}.script: there is no {script} on the trunk",
                f"commit it too: git add {script}",
            )


@lru_cache(maxsize=64)
def _load_policy(own: bytes | None, backend: str, agent: str) -> AgentPolicy:
    if own is None:
        return shipped_policy(backend, agent)
    return parse_policy(own, policy_file(agent), agent)
