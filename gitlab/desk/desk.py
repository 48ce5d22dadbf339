"""The desk: an agent's view of a node. What it may read, its staged edits, nothing else."""

from collections.abc import Callable

import pygit2

from ..errors import Denied
from ..lab.lab import Lab
from ..record.text import quote_path
from ..store.change import Decision
from ..store.trees import edit, is_sound, read, walk


class Desk:
    """A tree seen through a policy. Edits are staged in memory; the guard judges them at commit.

    `may_read` and `may_write` decide on a path alone. A write outside policy can be staged: it is
    refused, and recorded as refused, when the proposal is committed.
    """

    def __init__(
        self,
        lab: Lab,
        tree: pygit2.Oid,
        may_read: Callable[[str], Decision],
        may_write: Callable[[str], Decision],
    ) -> None:
        self._lab = lab
        self._tree = tree
        self._may_read = may_read
        self._may_write = may_write
        self._edits: dict[str, bytes | None] = {}

    def list(self) -> tuple[str, ...]:
        """The readable paths, staged edits included."""
        paths = {entry.path for entry in walk(self._lab.repo, self._tree)} | set(self._edits)
        there = (path for path in paths if self._edits.get(path, b"") is not None)
        return tuple(sorted(path for path in there if self._may_read(path).allowed))

    def read(self, path: str) -> bytes:
        """The content of `path`. Raises Denied outside policy, FileNotFoundError where absent."""
        self._may_read(path).require()
        is_staged = path in self._edits
        data = self._edits[path] if is_staged else read(self._lab.repo, self._tree, path)
        if data is None:
            raise FileNotFoundError(path)
        return data

    def writable(self, path: str) -> bool:
        """Whether the guard would let a change to `path` through."""
        return self._may_write(path).allowed

    def write(self, path: str, data: bytes) -> None:
        """Stage new content for `path`. Raises Denied for a path no tree can hold."""
        self.stage(path, data)

    def remove(self, path: str) -> None:
        """Stage the removal of `path`. Raises Denied for a path no tree can hold."""
        self.stage(path, None)

    def stage(self, path: str, data: bytes | None) -> None:
        """Write `path`, or remove it where `data` is None."""
        if not is_sound(path):
            raise Denied((f"{quote_path(path)} is not a path inside the lab",))
        self._edits[path] = data

    def tree(self) -> pygit2.Oid:
        """The tree with the staged edits applied."""
        return edit(self._lab.repo, self._tree, self._edits)

    def shown_tree(self) -> pygit2.Oid:
        """The same without edits of what may not be read: a patch of those would show it."""
        shown = {path: data for path, data in self._edits.items() if self._may_read(path).allowed}
        return edit(self._lab.repo, self._tree, shown)
