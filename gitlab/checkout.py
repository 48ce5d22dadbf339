"""The user's checkouts: each follows a branch that moved under it, but only when it is clean."""

import os
import subprocess
from pathlib import Path

import pygit2
from pygit2.enums import DeltaStatus, FileStatus

from .refs import common_folder, tip

_LEFT = "refs/worktree/airesearch-left"


def checkouts(repo: pygit2.Repository, branch: str) -> list["Checkout"]:
    """The checkouts that have `branch` checked out: the main one and linked worktrees."""
    common, ref = common_folder(repo), f"refs/heads/{branch}"
    heads = [common, *sorted((common / "worktrees").glob("*"))]
    here = [head for head in heads if _head(head) == ref]
    opened = [pygit2.Repository(_place(head)) for head in here if Path(_place(head)).exists()]
    return [Checkout(one, branch) for one in opened if not one.is_bare]


def is_changed(repo: pygit2.Repository, path: str) -> bool:
    """Whether a file of the checkout is not as committed."""
    try:
        return not repo.is_bare and repo.status_file(path) != FileStatus.CURRENT
    except (KeyError, pygit2.GitError):
        return True


def _head(folder: Path) -> str:
    try:
        return (folder / "HEAD").read_text().removeprefix("ref:").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _place(folder: Path) -> str:
    """What to open for a git folder: itself, or the worktree that it is of."""
    link = folder / "gitdir"
    return str(Path(link.read_text().strip()).parent) if link.exists() else str(folder)


class Checkout:
    """A checkout before its branch moves; what it needs is read here, before anything changes."""

    def __init__(self, repo: pygit2.Repository, branch: str) -> None:
        self._repo = repo
        self._tip = tip(repo, f"refs/heads/{branch}")
        self._clean = self._tip is not None and self._is_clean(self._tip)

    def follow(self, new: pygit2.Oid) -> str:
        """Bring the files to commit `new`; a sentence for the user where they were left alone."""
        if self._tip is None or self._tip == new:
            return ""
        if self._clean and not self._in_the_way(new) and self._bring(new):
            if _LEFT in self._repo.references:
                self._repo.references.delete(_LEFT)
            return ""
        why = "has files in the way" if self._clean else "has uncommitted changes"
        at = str(self._left_at(self._tip))[:10]
        return (
            f"your checkout {why} and was left at {at}; to bring it up to date and keep your "
            f"changes: git read-tree -m -u {at} HEAD"
        )

    def _left_at(self, now: pygit2.Oid) -> pygit2.Oid:
        """The commit the files are of: where they were first left behind, remembered in a ref."""
        left = None if self._clean else tip(self._repo, _LEFT)
        if left is None:
            self._repo.references.create(_LEFT, now, force=True)
        return left or now

    def _is_clean(self, commit: pygit2.Oid) -> bool:
        self._repo.index.read()
        if len(self._repo[commit].peel(pygit2.Tree).diff_to_index(self._repo.index)):
            return False
        self._git("update-index", "-q", "--refresh")
        changed = self._git("diff-files", "--name-only", "--ignore-submodules")
        return changed.returncode == 0 and not changed.stdout.strip()

    def _in_the_way(self, new: pygit2.Oid) -> bool:
        """Whether a file would be written over that git does not know, ignored ones included."""
        assert self._tip is not None
        change = self._repo.diff(str(self._tip), str(new))
        added = (d.new_file.raw_path for d in change.deltas if d.status == DeltaStatus.ADDED)
        folder = os.fsencode(self._repo.workdir)
        return any(os.path.lexists(os.path.join(folder, path)) for path in added)  # noqa: PTH118

    def _bring(self, new: pygit2.Oid) -> bool:
        return self._git("read-tree", "-m", "-u", str(self._tip), str(new)).returncode == 0

    def _git(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        # Git's own variables would point this call at another repository.
        env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        return subprocess.run(
            ["git", "-C", self._repo.workdir, *words],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={**env, "LC_ALL": "C"},
            check=False,
        )
