"""What git's pre-commit hook asks: may this commit be made?"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ....gitlab.errors import AiresearchError
from ....gitlab.hooks.staged import Staged
from ....gitlab.reader.values import Unsound
from ....gitlab.record.paths import STEERING, TEAM_FILE
from ....gitlab.store.change import compare
from ....gitlab.store.objects import LibgitObjects
from ....gitlab.store.trees import EMPTY, find
from ....policies.paths import is_under
from ....policies.task.task import FILE
from ...setup.task_file import read_task
from ...setup.team_policies import read_permits
from ...trunk.forecast import forecast
from ..rules import require_runnable
from .refusal import refusal


def check_commit(folder: Path, variables: Mapping[str, str]) -> str:
    """What the commit would cost the campaign, in a sentence; empty where it costs nothing.

    Raises AiresearchError with every reason where the staged change may not be committed.
    """
    staged = Staged(folder, variables)
    if staged.branch.startswith("node/") and not staged.agent:
        raise AiresearchError(
            f"{staged.branch} is a node's branch: only agents' actions belong on it",
            "take your change to a branch of your own: git switch -c my-idea",
        )
    if not staged.agent:
        _require_rules(staged)
        at = staged.left_at
        paths = [] if at is None else staged.undone_since(at)
        if at is not None and paths:
            listed = f"{', '.join(paths[:5])}{' …' if len(paths) > 5 else ''}"
            raise AiresearchError(
                f"this checkout was left at {str(at)[:10]}, and its commit would take back what "
                f"was promoted since, in {listed}",
                f"to bring it up to date and keep your changes: {staged.catch_up(at)}",
            )
        return _cost(staged)
    lab, before = staged.lab, staged.before()
    policy = read_permits(lab, before, read_task(lab, before)).get(staged.agent)
    if policy is None:
        raise AiresearchError(
            f"{staged.agent} is no agent of the team that the task names",
            "this folder is an agent's (git config airesearch.agent): leave it to airesearch",
        )
    decision = policy.check(compare(lab.repo, before, staged.after))
    if not decision.allowed:
        raise refusal("this change may not be committed", decision.reasons)
    return ""


def _cost(staged: Staged) -> str:
    """Of a commit on the trunk; empty where it cannot be told."""
    with suppress(AiresearchError, Unsound):
        if not staged.is_on_trunk:
            return ""
        lab, before = staged.lab, staged.before()
        return forecast(lab, read_task(lab, before, checked=False), before, staged.after)
    return ""


def _require_rules(staged: Staged) -> None:
    """Raises AiresearchError where a person is about to commit rules that no step could read."""
    lab, after = staged.lab, staged.after
    old = EMPTY if lab.repo.head_is_unborn else staged.before()
    if all(find(lab.repo, tree, FILE) is None for tree in (old, after)):
        return
    objects = LibgitObjects(lab.repo)
    if find(lab.repo, after, FILE) is None:
        require_runnable(objects, str(after))
    if find(lab.repo, old, TEAM_FILE) is not None and find(lab.repo, after, TEAM_FILE) is None:
        raise AiresearchError(
            f"this commit removes {TEAM_FILE}, and with it the team and the budget",
            f"bring it back: git checkout HEAD -- {TEAM_FILE}",
        )
    paths = (change.path for change in compare(lab.repo, old, after).paths)
    if any(is_under(path, (FILE, *STEERING)) for path in paths):
        read_permits(lab, after, read_task(lab, after))
        require_runnable(objects, str(after))
