"""Making a repository a lab: a new one, or one more commit in the user's own."""

from collections.abc import Mapping
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from .change import Check
from .errors import AiresearchError
from .lab import Lab
from .trees import EMPTY, edit, walk

NEW_TRUNK = "main"
_MESSAGE = "Start the lab\n\nThe task, and what it needs. From here on every action is a commit.\n"


def new_repository(folder: Path) -> Lab:
    """A repository without commits in `folder`, its trunk `main`."""
    repo = pygit2.init_repository(str(folder), initial_head=NEW_TRUNK)
    return _as_lab(repo, NEW_TRUNK)


def adoptable(repo: pygit2.Repository) -> Lab:
    """The repository as a lab-to-be, its trunk the branch checked out. Raises with the mend."""
    if repo.is_bare:
        raise AiresearchError(
            "this is a bare repository: it has no files to research",
            "clone it, and start the lab in the clone",
        )
    if repo.is_shallow:
        raise AiresearchError(
            "this clone is shallow, and the history is the record",
            "fetch all of it first: git fetch --unshallow",
        )
    if repo.head_is_detached:
        raise AiresearchError(
            "HEAD is detached, and winners are merged into a branch",
            "check one out: git switch -c research",
        )
    if repo.head_is_unborn:
        raise AiresearchError(
            "this repository has no commits yet",
            "commit your code first: git add -A && git commit -m 'Start'",
        )
    return Lab(repo, repo.head.shorthand)


def add_files(lab: Lab, files: Mapping[str, bytes], check: Check) -> pygit2.Oid:
    """Commit `files` on the trunk and place them in the checkout; all else stays as it is.

    What the user staged or changed is neither committed nor touched.
    """
    _as_lab(lab.repo, lab.trunk)
    parent = lab.tip(f"refs/heads/{lab.trunk}")
    before = EMPTY if parent is None else lab.tree_of(parent)
    tree = edit(lab.repo, before, files)
    oid = lab.plain_commit(lab.trunk, _MESSAGE, tree, parent, check)
    lab.repo.index.read()
    for entry in walk(lab.repo, tree):
        if entry.path in files:
            lab.repo.index.add(pygit2.IndexEntry(entry.path, entry.oid, FileMode(entry.mode)))
            _place(Path(lab.repo.workdir) / entry.path, files[entry.path])
    lab.repo.index.write()
    return oid


def _as_lab(repo: pygit2.Repository, trunk: str) -> Lab:
    repo.config["airesearch.trunk"] = trunk
    return Lab(repo, trunk)


def _place(target: Path, data: bytes) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
