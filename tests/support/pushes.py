"""A shared lab, a clone that is one trial ahead of it, and commits forged by plumbing."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toys import airesearch, git, lr, toy

ZERO = "0" * 40
_TURNS = [lr(0.3), lr(0.9), lr(0.2), lr(0.15)]


@dataclass(frozen=True)
class World:
    """`lab` holds nodes 0 to 4 (2 discarded, the others kept), `shared` all but node 4."""

    lab: Path
    shared: Path

    def push(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Push to the shared lab over its URL."""
        return subprocess.run(
            ["git", "-C", self.lab, "push", self.shared.as_uri(), *words],
            capture_output=True,
            text=True,
            env={**os.environ, **env},
            check=False,
        )

    def at(self, name: str) -> str:
        """The object name of a revision in the lab."""
        return git(self.lab, "rev-parse", name).strip()

    def message(self, name: str) -> str:
        """The message of a commit, byte for byte."""
        return git(self.lab, "cat-file", "commit", name).split("\n\n", 1)[1]

    def shared_refs(self) -> str:
        """Where every ref of the shared lab stands."""
        return git(self.shared, "for-each-ref")

    def forge(
        self,
        like: str,
        *parents: str,
        message: str = "",
        author: str = "",
        tree: str = "",
        files: Mapping[str, str] | None = None,
    ) -> str:
        """A commit like `like`, but for what is said: by plumbing, without any check."""
        name, email = git(self.lab, "log", "-1", "--format=%an|%ae", like).strip().split("|")
        env = {"GIT_AUTHOR_NAME": author or name,
               "GIT_AUTHOR_EMAIL": f"{author}@airesearch" if author else email}  # fmt: skip
        tree = self.tree(tree or f"{like}^{{tree}}", files or {})
        above = [word for parent in parents for word in ("-p", self.at(parent))]
        return self._git(["commit-tree", tree, *above], env, message or self.message(like))

    def tree(self, base: str, files: Mapping[str, str]) -> str:
        """The tree `base` with `files`; a value `MODE:text` sets the mode too."""
        env = {"GIT_INDEX_FILE": str(self.lab / ".git" / "forged")}
        self._git(["read-tree", base], env)
        for path, text in files.items():
            mode, _, rest = text.partition(":") if text[:6].isdigit() else ("100644", "", text)
            blob = self._git(["hash-object", "-w", "--stdin"], {}, rest)
            oid = self.at("main") if mode == "160000" else blob
            self._git(["update-index", "--add", "--cacheinfo", f"{mode},{oid},{path}"], env)
        return self._git(["write-tree"], env)

    def without_bus(self, tree: str) -> str:
        """The candidate of a tree."""
        env = {"GIT_INDEX_FILE": str(self.lab / ".git" / "forged")}
        self._git(["read-tree", tree], env)
        self._git(["rm", "-r", "-f", "-q", "--cached", "--ignore-unmatch", "research"], env)
        return self._git(["write-tree"], env)

    def _git(self, words: list[str], env: Mapping[str, str], text: str = "") -> str:
        done = subprocess.run(
            ["git", "-C", self.lab, *words],
            input=text.encode(),
            capture_output=True,
            env={**os.environ, **env},
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()


def shared_lab(folder: Path) -> Path:
    """An empty bare repository with the hook."""
    git(folder.parent, "init", "-q", "--bare", "-b", "main", folder.name)
    said = airesearch(folder, "hook", "install")
    assert said.code == 0, said.err
    return folder


def new_world(folder: Path) -> World:
    """Both repositories in `folder`."""
    world = World(toy(folder / "lab", _TURNS), shared_lab(folder / "shared.git"))
    run(world.lab, 3)
    done = world.push("--all")
    assert done.returncode == 0, done.stderr
    run(world.lab, 1)
    return world


def run(lab: Path, trials: int) -> None:
    """Run `trials` steps; fails the test where one does."""
    said = airesearch(lab, "run", "--trials", str(trials))
    assert said.code == 0, said.err
