"""Making a repository a lab: a new one, or one more commit in the user's own."""

from collections.abc import Mapping
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, FileStatus

from ..errors import AiresearchError
from ..store.change import Check
from ..store.durable import enable
from ..store.trees import EMPTY, edit, find
from .lab import Lab

NEW_TRUNK = "main"
_MESSAGE = "Start the lab\n\nThe task, and what it needs. From here on every action is a commit.\n"


def init_repository(folder: Path) -> Lab:
    """A repository without commits in `folder`, its trunk `main`."""
    enable()
    lab = Lab(pygit2.init_repository(str(folder), initial_head=NEW_TRUNK), NEW_TRUNK)
    remember_trunk(lab)
    return lab


def existing_repository(start: Path) -> Lab:
    """The repository `start` lies in as a lab-to-be, its trunk the branch checked out.

    Raises AiresearchError with the mend where it cannot become one.
    """
    enable()
    if not start.is_dir():
        fault = "is not a folder" if start.exists() else "does not exist"
        raise AiresearchError(
            f"{start} {fault}", "give the folder of a git repository, or leave the path out"
        )
    place = pygit2.discover_repository(str(start))
    if place is None and any(start.iterdir()):
        raise AiresearchError(
            f"{start.resolve()} is not in a git repository",
            "make it one: git init && git add -A && git commit -m 'Start', then airesearch init",
        )
    if place is None:
        raise AiresearchError(
            f"there is nothing to research in {start.resolve()}",
            "start from an example: airesearch init --example digits",
        )
    repo = pygit2.Repository(str(start))
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


def add_files(lab: Lab, files: Mapping[str, bytes], check: Check) -> None:
    """Commit `files` on the trunk and place them in the checkout; all else stays as it is.

    What the user staged or changed is neither committed nor touched.
    """
    remember_trunk(lab)
    commit_files(lab, _MESSAGE, files, check)
    for path, data in files.items():
        file = Path(lab.repo.workdir) / path
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def commit_files(lab: Lab, message: str, files: Mapping[str, bytes], check: Check) -> pygit2.Oid:
    """A commit on the trunk, which is checked out, in the user's name; git's index has it too.

    Nothing else of the index is touched, and the files themselves are the caller's to write.
    """
    parent = lab.tip(lab.trunk)
    before = EMPTY if parent is None else lab.tree_of(parent)
    tree = edit(lab.repo, before, files)
    oid = lab.plain_commit(lab.trunk, message, tree, parent, check)
    lab.repo.index.read()
    for path in files:
        if (entry := find(lab.repo, tree, path)) is not None:
            lab.repo.index.add(pygit2.IndexEntry(path, entry.oid, FileMode(entry.mode)))
    lab.repo.index.write()
    return oid


def remember_trunk(lab: Lab) -> None:
    """Write down which branch is the trunk, whatever is checked out later."""
    lab.repo.config["airesearch.trunk"] = lab.trunk


def uncommitted(lab: Lab) -> list[str]:
    """Tracked files that are not as committed."""
    flags = lab.repo.status(untracked_files="no")
    return [path for path, flag in flags.items() if flag != FileStatus.CURRENT]
