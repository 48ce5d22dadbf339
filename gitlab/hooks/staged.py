"""What a commit about to be made would hold, as git's pre-commit hook sees it."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import pygit2

from ..errors import AiresearchError
from ..isolated import GIT
from ..lab.checkout import BEHIND, catch_up
from ..lab.lab import Lab, open_lab, open_repository
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
        """The branch checked out; empty where HEAD is detached, or says nothing."""
        try:
            target = self._repo.references["HEAD"].target
        except (KeyError, ValueError, pygit2.GitError):
            return ""
        return target.removeprefix("refs/heads/") if isinstance(target, str) else ""

    @property
    def is_on_trunk(self) -> bool:
        """Whether the branch checked out is the trunk; in a clone the one that holds a task."""
        return open_lab(self._folder).trunk == self.branch

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

    @property
    def left_at(self) -> Oid | None:
        """The commit that a promotion left this checkout at; None where it is up to date."""
        return tip(self._repo, BEHIND)

    def undone_since(self, left_at: Oid) -> list[str]:
        """The paths in which the commit would take back what was promoted since."""
        old = self._repo[left_at].peel(pygit2.Tree).id
        promoted, staged = (
            {change.path for change in compare(self._repo, old, tree).paths}
            for tree in (self.before(), self.after)
        )
        return sorted(promoted - staged)

    def catch_up(self, left_at: Oid) -> str:
        """What to type to bring the checkout up to date."""
        return catch_up(self._repo, str(left_at)[:10], self._repo.head.peel(pygit2.Commit).id)

    @cached_property
    def after(self) -> Oid:
        """The tree that is staged; git itself reads the index, which may be in any of its forms."""
        return Oid(hex=self._git(self._variables, "write-tree"))

    def with_changes(self) -> Oid:
        """The tree that a commit of all changes to files that git knows would have."""
        index = Path(self._repo.path) / "index"
        with tempfile.TemporaryDirectory(prefix="airesearch-") as aside:
            copy = Path(aside) / "index"
            if index.is_file():
                shutil.copyfile(index, copy)
            variables = {**self._variables, "GIT_INDEX_FILE": str(copy)}
            self._git(variables, "add", "-u", "--", ":/")
            return Oid(hex=self._git(variables, "write-tree"))

    def _git(self, variables: Mapping[str, str], *words: str) -> str:
        done = subprocess.run(
            [*GIT, *words],
            cwd=self._folder,
            env=dict(variables),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise AiresearchError(f"git cannot say what is staged: {said}", "look: git status")
        return done.stdout.decode().strip()
