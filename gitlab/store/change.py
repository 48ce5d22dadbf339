"""What a commit changes: facts about two trees, and the decision a check makes of them."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

import pygit2
from pygit2.enums import FileMode

from ..record.facts import Diff
from ..record.text import quote_path
from .trees import Difference, Entry, differences

_PATHS_LISTED = 20
# A line costs libgit2 some fifty bytes to compare: longer files could exhaust the machine.
_LONGEST_COMPARED = 1 << 23
# As far as git looks for a NUL, which makes a file binary.
_HEAD = 8000


@dataclass(frozen=True)
class PathChange:
    """One path: its git modes before and after (0 where absent), and what became of its content.

    Sizes are bytes, 0 where absent. `added` and `removed` count lines, 0 where a side is binary;
    over 8 MiB every line of both sides counts.
    """

    path: str
    old_mode: int
    new_mode: int
    size: int
    old_size: int = 0
    added: int = 0
    removed: int = 0
    is_binary: bool = False
    """Whether the content after is: git's word for a NUL among its first 8,000 bytes."""
    appends: bool = False
    """Whether the path is there after, and its content starts with all that was there before."""

    @property
    def is_link(self) -> bool:
        """A symlink, before or after."""
        return FileMode.LINK in (self.old_mode, self.new_mode)

    @property
    def is_submodule(self) -> bool:
        """A submodule, before or after."""
        return FileMode.COMMIT in (self.old_mode, self.new_mode)

    @property
    def becomes_executable(self) -> bool:
        """Executable after and not before."""
        executable = FileMode.BLOB_EXECUTABLE
        return self.new_mode == executable and self.old_mode != executable


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
    found = sorted(differences(repo, old, new), key=lambda one: os.fsencode(one.path))
    paths = tuple(_path_change(repo, difference) for difference in found)
    added, removed = sum(path.added for path in paths), sum(path.removed for path in paths)
    return Change(paths, Diff(len(paths), added, removed))


def patch(
    repo: pygit2.Repository, old: pygit2.Oid, new: pygit2.Oid, limit: int, *, without: str = "\0"
) -> bytes:
    """The change as a patch of at most `limit` bytes, but for what the folder `without` holds."""
    found = (one for one in _tree(repo, old).diff_to_tree(_tree(repo, new)) if one is not None)
    left_out = f"{without}/".encode()
    data = b"".join(p.data for p in found if not p.delta.new_file.raw_path.startswith(left_out))
    return data if len(data) <= limit else data[:limit] + b"\n... cut here\n"


def _tree(repo: pygit2.Repository, oid: pygit2.Oid) -> pygit2.Tree:
    return repo[oid].peel(pygit2.Tree)


def _path_change(repo: pygit2.Repository, difference: Difference) -> PathChange:
    old, new = difference.before, difference.after
    before, after = _content(repo, old), _content(repo, new)
    added, removed = _lines(before, after)
    return PathChange(
        difference.path,
        _mode(old),
        _mode(new),
        len(after),
        len(before),
        added,
        removed,
        _is_binary(after),
        new is not None and after.startswith(before),
    )


def _mode(entry: Entry | None) -> int:
    """The mode as git takes it: of a file's bits, only whether its owner may execute it counts."""
    if entry is None:
        return 0
    if stat.S_ISREG(entry.mode):
        return int(FileMode.BLOB_EXECUTABLE if entry.mode & stat.S_IXUSR else FileMode.BLOB)
    return entry.mode


def _content(repo: pygit2.Repository, entry: Entry | None) -> bytes:
    """What a file holds; for a submodule, whose content is not here, the line git shows."""
    if entry is None:
        return b""
    if entry.mode == FileMode.COMMIT:
        return b"Subproject commit %s\n" % str(entry.oid).encode()
    return repo.odb.read(entry.oid)[1]


def _lines(before: bytes, after: bytes) -> tuple[int, int]:
    """Lines added and removed.

    Compared as bytes: no `.gitattributes`, of the tree or of the user, has a say in it.
    """
    if _is_binary(before) or _is_binary(after):
        return 0, 0
    if max(len(before), len(after)) > _LONGEST_COMPARED:
        return _count(after), _count(before)
    _, added, removed = pygit2.Patch.create_from(before, after, context_lines=0).line_stats
    return added, removed


def _count(data: bytes) -> int:
    return data.count(b"\n") + (data[-1:] not in (b"", b"\n"))


def _is_binary(data: bytes) -> bool:
    return b"\0" in data[:_HEAD]
