"""Forgeries made with plumbing: a lab's commits written again, with one of them telling a lie."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from airesearch.agents.audit.audit import Report, verify
from airesearch.gitlab.reader.repository import Repository
from toys import git


def audited(folder: Path) -> Report:
    """The audit of a lab, in this process."""
    repository = Repository(folder)
    try:
        return verify(repository, lambda done, total: None)
    finally:
        repository.close()


def feed(folder: Path, data: bytes, *words: str, env: Mapping[str, str] | None = None) -> str:
    """What git answers to `data` on its standard input."""
    done = subprocess.run(["git", "-C", folder, *words], input=data, capture_output=True,
                          env={**os.environ, **(env or {})}, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@dataclass(frozen=True)
class Raw:
    """A commit object taken apart."""

    tree: str
    parents: tuple[str, ...]
    author: str
    committer: str
    message: str

    def __bytes__(self) -> bytes:
        head = [f"tree {self.tree}", *(f"parent {p}" for p in self.parents),
                f"author {self.author}", f"committer {self.committer}"]  # fmt: skip
        return ("\n".join(head) + "\n\n" + self.message).encode()

    def say(self, old: str, new: str) -> "Raw":
        """The same with `new` for `old` in its message, which must hold it."""
        assert old in self.message, (old, self.message)
        return replace(self, message=self.message.replace(old, new))

    def by(self, name: str, mail: str) -> "Raw":
        """The same by another author."""
        return replace(self, author=f"{name} <{mail}> {self.author.split('> ')[1]}")

    def later(self, seconds: int) -> "Raw":
        """The same, committed so much later."""
        who, time, zone = self.committer.rsplit(" ", 2)
        return replace(self, committer=f"{who} {int(time) + seconds} {zone}")


Lie = Callable[[Raw], Raw]


class Forger:
    """A copy of a lab without reflogs, so that only its claims can give a forgery away."""

    def __init__(self, lab: Path, folder: Path) -> None:
        self.folder = Path(shutil.copytree(lab, folder, symlinks=True))
        git(folder, "config", "core.logAllRefUpdates", "false")
        shutil.rmtree(folder / ".git" / "logs")
        shutil.rmtree(folder / ".git" / "airesearch", ignore_errors=True)

    def git(self, *words: str) -> str:
        """What git answers."""
        return git(self.folder, *words).strip()

    def raw(self, commit: str) -> Raw:
        """A commit taken apart."""
        head, _, message = git(self.folder, "cat-file", "commit", commit).partition("\n\n")
        fields = [line.split(" ", 1) for line in head.split("\n")]
        named = dict(fields)
        parents = tuple(value for name, value in fields if name == "parent")
        return Raw(named["tree"], parents, named["author"], named["committer"], message)

    def write(self, raw: Raw) -> str:
        """A commit object of it."""
        return feed(self.folder, bytes(raw), "hash-object", "-w", "-t", "commit", "--stdin")

    def steps(self, node: int) -> list[str]:
        """The commits of a node, oldest first."""
        listed = self.git("log", "--first-parent", "--format=%H %(trailers:key=Action,valueonly)",
                          f"node/{node:06d}")  # fmt: skip
        found: list[str] = []
        for line in filter(None, listed.split("\n")):
            found.insert(0, line.split()[0])
            if line.endswith("propose"):
                break
        return found

    def point(self, node: int, commit: str) -> None:
        """Move a node's branch."""
        self.git("update-ref", f"refs/heads/node/{node:06d}", commit)

    def tree(self, tree: str, files: Mapping[str, bytes | None]) -> str:
        """The tree with files written or, where None, removed."""
        index = {"GIT_INDEX_FILE": str(self.folder / ".git" / "forged")}
        feed(self.folder, b"", "read-tree", tree, env=index)
        for path, data in files.items():
            if data is None:
                feed(self.folder, b"", "update-index", "--force-remove", path, env=index)
            else:
                blob = feed(self.folder, data, "hash-object", "-w", "--stdin")
                feed(self.folder, b"", "update-index", "--add", "--cacheinfo",
                     f"100644,{blob},{path}", env=index)  # fmt: skip
        return feed(self.folder, b"", "write-tree", env=index)

    def forge(
        self, node: int, lies: Mapping[int, Lie], files: Mapping[str, bytes | None] | None = None
    ) -> str:
        """The node written again with a lie at some of its steps; the first forged commit.

        `files` are written in the tree of that commit and of all after it.
        """
        steps = self.steps(node)
        first, above, forged = min(lies), "", ""
        for place, commit in enumerate(steps):
            raw = self.raw(commit)
            if above:
                raw = replace(raw, parents=(above,))
            if files and place >= first:
                raw = replace(raw, tree=self.tree(raw.tree, files))
            raw = lies.get(place, lambda same: same)(raw)
            above = self.write(raw)
            forged = above if place == first else forged
        self.point(node, above)
        return forged

    def forge_trunk(self, lie: Lie) -> str:
        """Trunk's newest commit written again."""
        forged = self.write(lie(self.raw("main")))
        self.git("update-ref", "refs/heads/main", forged)
        return forged

    def on_trunk(self, raw: Raw) -> str:
        """One more commit on trunk."""
        return self.forge_trunk(lambda tip: replace(raw, parents=(self.git("rev-parse", "main"),
                                                                  *raw.parents)))  # fmt: skip
