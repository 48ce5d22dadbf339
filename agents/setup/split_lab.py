"""A lab with all in its `airesearch.yaml` gets a `team.yaml`, in one commit that costs nothing."""

from pathlib import Path

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.checkout import is_changed
from ...gitlab.lab.create import commit_files
from ...gitlab.lab.lab import Lab
from ...gitlab.record.paths import TEAM_FILE
from ...gitlab.store.objects import LibgitObjects
from ...gitlab.store.trees import edit, find, read
from ...policies.access.guard import init_policy
from ...policies.task.split import split
from ...policies.task.task import FILE, load_task
from ..trunk.cost import Cost, cost
from ..trunk.outside import inert_in

_MESSAGE = f"""\
Split {FILE}: {TEAM_FILE} says who works

{FILE} keeps what is measured and how it is judged. Who works, what the campaign
may spend and how it searches is in {TEAM_FILE}, and may change without a trial.
"""
_NOTHING_INERT = b"""
# What no trial needs to see, as ["/*.md", /docs/]: to say so starts a base, for once.
inert: []
"""


def split_lab(lab: Lab) -> str:
    """Commit both files on the trunk, and say so; where there are two already, only say so.

    Raises AiresearchError with the mend where the checkout is not ready for it.
    """
    tree = lab.tree_of(lab.trunk_tip)
    text = read(lab.repo, tree, FILE)
    if text is None:
        raise AiresearchError(f"{FILE} is not on the trunk", "make it a lab: airesearch init")
    if find(lab.repo, tree, TEAM_FILE) is not None:
        return f"there is a {TEAM_FILE} already, and nothing to split"
    _require_clean_trunk(lab)
    made = split(text)
    objects = LibgitObjects(lab.repo)
    seen = inert_in(objects, str(tree), load_task(made.task, made.team))
    # What trials of this lab have seen they go on to see: else this would be another program.
    files = {FILE: made.task + (_NOTHING_INERT if seen else b""), TEAM_FILE: made.team}
    after = edit(lab.repo, tree, files)
    costs, why = cost(objects, str(tree), str(after))
    if costs is not Cost.NOTHING:
        raise AiresearchError(
            f"the split would not be free: {why}", f"write a {TEAM_FILE} by hand, as docs/team.md"
        )
    oid = commit_files(lab, _MESSAGE, files, init_policy(tuple(files)).check)
    for path, data in files.items():
        (Path(lab.repo.workdir) / path).write_bytes(data)
    anew = f"; {made.anew} could not be moved line by line, and is written anew" * bool(made.anew)
    kept = f"; trials go on to see {seen[0]}, which could be inert" if seen else ""
    return f"{FILE} is split, in commit {str(oid)[:12]}: {TEAM_FILE} says who works{anew}{kept}"


def _require_clean_trunk(lab: Lab) -> None:
    repo = lab.repo
    if repo.is_bare:
        raise AiresearchError(
            "this is a bare repository: it has no checkout to split a file in",
            "do it in a clone, and push: airesearch doctor --fix",
        )
    if repo.head_is_detached or repo.head_is_unborn or repo.head.shorthand != lab.trunk:
        raise AiresearchError(
            f"the trunk, {lab.trunk!r}, is not checked out here, and the split is a commit on it",
            f"git switch {lab.trunk}, then airesearch doctor --fix",
        )
    changed = [path for path in (FILE, TEAM_FILE) if _is_in_the_way(lab, path)]
    if changed:
        raise AiresearchError(
            f"{' and '.join(changed)} {'has' if len(changed) == 1 else 'have'} changes that are "
            "not committed, and the split would write over them",
            f"commit or put them aside (git stash -u -- {' '.join(changed)}), "
            "then airesearch doctor --fix",
        )


def _is_in_the_way(lab: Lab, path: str) -> bool:
    if path == TEAM_FILE:  # which no commit has
        file = Path(lab.repo.workdir) / path
        return file.exists() or file.is_symlink() or path in lab.repo.index
    return is_changed(lab.repo, path)
