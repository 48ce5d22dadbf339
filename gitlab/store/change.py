"""What a commit changes: facts about two trees, and the decision a check makes of them."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

import pygit2
from pygit2.enums import FileMode

from ..errors import Denied
from ..record.facts import Diff
from ..record.paths import CUT
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

    def require(self) -> None:
        """Raise Denied with every reason, where there is one."""
        if self.reasons:
            raise Denied(self.reasons)


Check = Callable[[Change], Decision]


def compare(repo: pygit2.Repository, old: pygit2.Oid, new: pygit2.Oid) -> Change:
    """The change from tree `old` to tree `new`; a rename is a delete and an add."""
    in_order = sorted(differences(repo, old, new), key=lambda file: os.fsencode(file.path))
    paths = tuple(_path_change(repo, difference) for difference in in_order)
    added, removed = sum(path.added for path in paths), sum(path.removed for path in paths)
    return Change(paths, Diff(len(paths), added, removed))


def patch(
    repo: pygit2.Repository, old: pygit2.Oid, new: pygit2.Oid, limit: int, *, without: str = "\0"
) -> bytes:
    """The change as a patch of at most `limit` bytes, but for what the folder `without` holds."""
    old_tree, new_tree = (repo[oid].peel(pygit2.Tree) for oid in (old, new))
    left_out = f"{without}/".encode()
    data = b"".join(
        part.data
        for part in old_tree.diff_to_tree(new_tree)
        if part is not None and not part.delta.new_file.raw_path.startswith(left_out)
    )
    return data if len(data) <= limit else data[:limit] + CUT


def _path_change(repo: pygit2.Repository, difference: Difference) -> PathChange:
    old_mode, before = _mode_and_content(repo, difference.before)
    new_mode, after = _mode_and_content(repo, difference.after)
    is_binary = b"\0" in after[:_HEAD]
    # Compared as bytes: no `.gitattributes`, of the tree or of the user, has a say in it.
    if is_binary or b"\0" in before[:_HEAD]:
        added = removed = 0
    elif max(len(before), len(after)) > _LONGEST_COMPARED:
        added, removed = (
            data.count(b"\n") + (data[-1:] not in (b"", b"\n")) for data in (after, before)
        )
    else:
        lines = pygit2.Patch.create_from(before, after, context_lines=0)
        _, added, removed = lines.line_stats
    return PathChange(
        difference.path,
        old_mode,
        new_mode,
        len(after),
        len(before),
        added,
        removed,
        is_binary,
        difference.after is not None and after.startswith(before),
    )


def _mode_and_content(repo: pygit2.Repository, entry: Entry | None) -> tuple[int, bytes]:
    """What git takes a file for; for a submodule, whose content is not here, the line git shows."""
    if entry is None:
        return 0, b""
    if entry.mode == FileMode.COMMIT:
        return entry.mode, b"Subproject commit %s\n" % str(entry.oid).encode()
    data = repo.odb.read(entry.oid)[1]
    if stat.S_ISREG(entry.mode):
        # Of a file's bits, only whether its owner may execute it counts.
        is_executable = entry.mode & stat.S_IXUSR
        return int(FileMode.BLOB_EXECUTABLE if is_executable else FileMode.BLOB), data
    return entry.mode, data
