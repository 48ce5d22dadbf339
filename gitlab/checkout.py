"""The user's checkout: it follows a branch that moved under it, but only when it is clean."""

import os
import subprocess
import sys
from itertools import islice

import pygit2

_LOOK_BACK = 50


class Checkout:
    """The checkout before `ref` moves; what it needs is read here, before anything changes."""

    def __init__(self, repo: pygit2.Repository, ref: str) -> None:
        head = repo.references.get("HEAD")
        follows = not repo.is_bare and head is not None and head.target == ref
        self._repo = repo
        self._base, unstaged = self._checked_out(ref) if follows else (None, False)
        self._clean = unstaged and self._is_clean()

    def follow(self, new: pygit2.Oid) -> str:
        """Bring the files to commit `new`; a sentence for the user where they were left alone."""
        if self._base is None or self._base == new:
            return ""
        if self._clean and self._bring(new):
            return ""
        why = "has files in the way" if self._clean else "has uncommitted changes"
        at = str(self._base)[:10]
        return (
            f"your checkout {why} and was left at {at}; to bring it up to date and keep your "
            f"changes: git read-tree -m -u {at} HEAD"
        )

    def _checked_out(self, ref: str) -> tuple[pygit2.Oid | None, bool]:
        """The commit of the branch that the index is of, and whether nothing is staged on it.

        That is its tip, or an older commit where the checkout was left behind before.
        """
        tip = self._repo.references.get(ref)
        if tip is None:
            return None, False
        self._repo.index.read()
        walk = self._repo.walk(tip.target)
        walk.simplify_first_parent()
        nearest, fewest = pygit2.Oid(hex=str(tip.target)), sys.maxsize
        for commit in islice(walk, _LOOK_BACK):
            staged = len(commit.tree.diff_to_index(self._repo.index))
            if staged < fewest:
                nearest, fewest = commit.id, staged
            if not staged:
                break
        return nearest, not fewest

    def _is_clean(self) -> bool:
        self._git("update-index", "-q", "--refresh")
        changed = self._git("diff-files", "--name-only", "--ignore-submodules")
        return changed.returncode == 0 and not changed.stdout.strip()

    def _bring(self, new: pygit2.Oid) -> bool:
        return self._git("read-tree", "-m", "-u", str(self._base), str(new)).returncode == 0

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
