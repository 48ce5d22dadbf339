"""The user's checkout: it follows a branch that moved under it, but only when it is clean."""

import os
import subprocess

import pygit2


class Checkout:
    """The checkout before `ref` moves; its state is read here, before anything changes."""

    def __init__(self, repo: pygit2.Repository, ref: str) -> None:
        self._folder = None if repo.is_bare else repo.workdir
        head = repo.references.get("HEAD")
        self._at: pygit2.Oid | None = None
        if self._folder is not None and head is not None and head.target == ref:
            at = repo.references.get(ref)
            self._at = None if at is None else pygit2.Oid(hex=str(at.target))
        self._clean = self._at is not None and self._is_clean()

    def follow(self, new: pygit2.Oid) -> str:
        """Bring the files to commit `new`; a sentence for the user where they were left alone."""
        if self._at is None or self._at == new:
            return ""
        done = self._clean and self._git("read-tree", "-m", "-u", f"{self._at}", f"{new}")
        if done and done.returncode == 0:
            return ""
        why = "has uncommitted changes" if not self._clean else "has files in the way"
        return (
            f"your checkout {why} and was left at {str(self._at)[:10]}; to bring it up to date "
            f"and keep your changes: git read-tree -m -u {str(self._at)[:10]} HEAD"
        )

    def _is_clean(self) -> bool:
        status = self._git("status", "--porcelain", "--untracked-files=no")
        return status.returncode == 0 and not status.stdout.strip()

    def _git(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", "-C", str(self._folder), *words],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=clean_environment(),
            check=False,
        )


def clean_environment() -> dict[str, str]:
    """The environment without git's own variables, which would point a child at another lab."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
