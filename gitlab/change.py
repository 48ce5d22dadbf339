"""What a commit changes: facts about two trees, and the decision a check makes of them."""

from collections.abc import Callable
from dataclasses import dataclass

import pygit2
from pygit2.enums import DiffOption, FileMode

from .facts import Diff
from .text import quote_path

_PATHS_LISTED = 20


@dataclass(frozen=True)
class PathChange:
    """One path: its git modes before and after (0 where absent) and size after, in bytes."""

    path: str
    old_mode: int
    new_mode: int
    size: int

    @property
    def is_plain(self) -> bool:
        """False for a symlink or a submodule, before or after."""
        special = {FileMode.LINK, FileMode.COMMIT}
        return not special & {self.old_mode, self.new_mode}


@dataclass(frozen=True)
class Change:
    """Every path that differs between two trees, in git's order, and the size in lines."""

    paths: tuple[PathChange, ...]
    diff: Diff

    @property
    def listed(self) -> tuple[str, ...]:
        """The paths as `Diff-Path` lines: at most twenty, then `...`."""
        names = tuple(quote_path(change.path) for change in self.paths)
        return names if len(names) <= _PATHS_LISTED else (*names[:_PATHS_LISTED], "...")


@dataclass(frozen=True)
class Decision:
    """Allowed where nothing speaks against it; otherwise every reason."""

    reasons: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """True where no reason was found."""
        return not self.reasons


Check = Callable[[Change], Decision]


def compare(repo: pygit2.Repository, old: pygit2.Oid, new: pygit2.Oid) -> Change:
    """The change from tree `old` to tree `new`; a rename is a delete and an add."""
    flags = DiffOption.INCLUDE_TYPECHANGE
    diff = _tree(repo, old).diff_to_tree(_tree(repo, new), flags=flags, context_lines=0)
    paths = tuple(_path_change(repo, delta) for delta in diff.deltas)
    return Change(paths, Diff(len(paths), diff.stats.insertions, diff.stats.deletions))


def patch(repo: pygit2.Repository, old: pygit2.Oid, new: pygit2.Oid, limit: int) -> bytes:
    """The change as a patch of at most `limit` bytes."""
    text = _tree(repo, old).diff_to_tree(_tree(repo, new)).patch or ""
    data = text.encode("utf-8", "surrogateescape")
    return data if len(data) <= limit else data[:limit] + b"\n... cut here\n"


def _tree(repo: pygit2.Repository, oid: pygit2.Oid) -> pygit2.Tree:
    return repo[oid].peel(pygit2.Tree)


def _path_change(repo: pygit2.Repository, delta: pygit2.DiffDelta) -> PathChange:
    old, new = delta.old_file, delta.new_file
    gone = new.id == pygit2.Oid(b"\0" * 20)
    path = (old if gone else new).raw_path.decode("utf-8", "surrogateescape")
    size = 0 if gone or new.mode == FileMode.COMMIT else repo.odb.read_header(new.id)[1]
    return PathChange(path, int(old.mode), int(new.mode), size)
