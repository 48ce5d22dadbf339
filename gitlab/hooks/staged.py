"""What a commit about to be made would hold, as git's pre-commit hook sees it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pygit2

from ..errors import AiresearchError
from ..isolated import GIT
from ..lab.checkout import BEHIND
from ..lab.lab import Lab, open_repository
from ..store.change import compare
from ..store.refs import tip
from ..store.trees import Oid


class Staged:
    """The repository a commit is made in. `variables` are those git gives its hook."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder, self._variables = folder, variables
        self._repo = open_repository(folder / variables.get("GIT_DIR", "."))

    @property
    def branch(self) -> str:
        """The branch checked out; empty where HEAD is detached."""
        target = self._repo.references["HEAD"].target
        return target.removeprefix("refs/heads/") if isinstance(target, str) else ""

    @property
    def agent(self) -> str:
        """The agent whose folder this is; empty in a person's."""
        config = self._repo.config
        return str(config["airesearch.agent"]) if "airesearch.agent" in config else ""

    @property
    def lab(self) -> Lab:
        """The repository as a lab whose trunk is what is checked out."""
        return Lab(self._repo, self.branch)

    def before(self) -> Oid:
        """The tree of HEAD."""
        if self._repo.head_is_unborn:
            raise AiresearchError(
                "an agent's folder starts with a commit, and here is none yet",
                "let airesearch make the folder",
            )
        return self._repo.head.peel(pygit2.Tree).id

    def undone(self) -> tuple[str, tuple[str, ...]]:
        """Where a promotion left this checkout, and what it would take back of it, staged as it is.

        The commit in ten digits and the paths; empty where it is up to date.
        """
        behind = tip(self._repo, BEHIND)
        if behind is None or self._repo.head_is_unborn:
            return "", ()
        old = self._repo[behind].peel(pygit2.Tree).id
        promoted, staged = (
            {change.path for change in compare(self._repo, old, tree).paths}
            for tree in (self.before(), self.after())
        )
        return str(behind)[:10], tuple(sorted(promoted - staged))

    def after(self) -> Oid:
        """The tree that is staged; git itself reads the index, which may be in any of its forms."""
        done = subprocess.run(
            [*GIT, "write-tree"],
            cwd=self._folder,
            env=dict(self._variables),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise AiresearchError(f"git cannot say what is staged: {said}", "look: git status")
        return Oid(hex=done.stdout.decode().strip())
