"""Folders of large trees that are kept from trial to trial: each pays for its change alone.

A candidate may write anything in its folder, and nothing of it may reach the next. So all that is
in it is noted before a trial and after (`process.folder_snapshot`). Where a trial touched anything
that was laid out, in whatever way, all is laid out anew: a file's times and its inode would tell
which files those were. Else the next trial gets a new folder with whatever is in the next tree too
moved over, the rest written, and the old folder goes with all that was left in it. What is noted is
kept in this process's memory alone; the folders that a killed worker leaves are reaped like those
of any trial.

To have read a file leaves no mark either: the time that it was last read at is set to one to come,
which the kernel leaves alone. Whoever runs in no sandbox could write in these folders at any time,
so trials without one get a new folder each.
"""

import mmap
import os
import secrets
import stat
import time
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

from ....gitlab.store.trees import (
    Oid,
    Repository,
    differences,
    export_tree,
    find,
    is_file,
    walk,
    write_file,
)
from .process import FolderSnapshot, locked_tempdir, remove
from .process.folder_snapshot import changed_at, facts_of, scan

LARGE = 1000
"""The files of a tree whose folder is worth keeping."""
_MOST = 1 << 40
_AHEAD = 10 * 366 * 86_400 * 10**9
"""Nanoseconds: about ten years."""
_PATIENCE = 0.05
"""Seconds in which the clock of a file system has to move."""
Keep = Callable[[str], bool]


@dataclass(frozen=True)
class ExportedTree:
    """A folder that holds a tree's files; `snapshot` is of one that is kept after the trial."""

    folder: Path
    snapshot: FolderSnapshot | None = None


@dataclass(frozen=True)
class _Kept:
    """A folder between trials: what it was made to hold, and what a trial left in it."""

    folder: Path
    tree: Oid
    made: FolderSnapshot
    left: FolderSnapshot | None = None


class FolderCache:
    """The folders that a worker keeps below `trials`, each under a name, until it ends."""

    def __init__(self, repo: Repository, trials: Path, *, is_sealed: bool) -> None:
        self._repo = repo
        self._is_sealed = is_sealed
        """Whether what runs in one folder can write in no other."""
        self._trials = trials
        self._kept: dict[str, _Kept] = {}
        self._held = ExitStack()
        owner = os.getpid()

        def close(held: ExitStack) -> None:
            if os.getpid() == owner:  # and not one that was forked from it
                held.close()

        weakref.finalize(self, close, self._held)

    def export(self, name: str, tree: Oid, keep: Keep, fresh: Path) -> ExportedTree:
        """The files of `tree` that `keep` lets through: in a folder kept as `name`, else `fresh`.

        `keep` is the same for all trees under one name. A folder is kept once what the trial left
        is given back.
        """
        if "_home" in vars(self) and self._home and not self._home.is_dir():
            # Whatever is in the lab's folder of caches may be deleted at any time.
            self._kept.clear()
            del self._home
        before = self._kept.pop(name, None)
        is_large = before is not None or any(islice(walk(self._repo, tree), LARGE - 1, None))
        if not (self._is_sealed and is_large and self._home):
            export_tree(self._repo, tree, fresh, keep)
            return ExportedTree(fresh)
        # Under a new name: what somebody made in the old one may not let itself be removed.
        folder = self._home / f"{name}-{secrets.token_hex(4)}"
        made = None if before is None else self._made_from(before, tree, keep, folder)
        if made is None:
            export_tree(self._repo, tree, folder, keep)
            for path in scan(folder, _MOST).entries:
                _read_in_time_to_come(folder / path)
            made = scan(folder, _MOST)
        if before is not None:
            remove(before.folder)
        if _moves_past(max(map(changed_at, made.entries.values())), self._home):
            self._kept[name] = _Kept(folder, tree, made)
        return ExportedTree(folder, made)

    def give_back(self, name: str, left: FolderSnapshot | None) -> None:
        """Say what the trial left in the folder that was last exported as `name`."""
        if name in self._kept:
            self._kept[name] = replace(self._kept[name], left=left)

    def _made_from(
        self, before: _Kept, tree: Oid, keep: Keep, folder: Path
    ) -> FolderSnapshot | None:
        """Fill `folder` with `tree` out of the old one; None where it is not sound to."""
        try:
            return None if before.left is None else self._move_over(before, tree, keep, folder)
        # No commit holds these trees, and gc may have taken one; or nothing can hold a name in it.
        except (OSError, ValueError, KeyError):
            remove(folder)
            return None

    def _move_over(
        self, before: _Kept, tree: Oid, keep: Keep, folder: Path
    ) -> FolderSnapshot | None:
        assert before.left is not None, "it was given back"
        made, left = before.made.entries, before.left.entries
        if any(left.get(path) != facts for path, facts in made.items() if path):
            return None
        changed = left.keys() - made.keys()
        changed |= {one.path for one in differences(self._repo, before.tree, tree)}
        # With the folders above: what is moved is whole, with all below it.
        changed |= {str(above) for path in changed for above in PurePosixPath(path).parents}
        changed = {"" if path == "." else path for path in changed} | {""}
        moved = [p for p in made if p not in changed and p.rpartition("/")[0] in changed]
        folder.mkdir()
        for path in moved:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (before.folder / path).rename(folder / path)
        for path in filter(None, changed):
            entry = find(self._repo, tree, path)
            is_blob = entry is not None and is_file(entry) and not stat.S_ISDIR(entry.mode)
            if entry is not None and is_blob and keep(path):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                write_file(self._repo, entry, folder / path)
        for path in changed:
            if os.path.lexists(folder / path):
                _read_in_time_to_come(folder / path)
        entries = {path: facts for path, facts in made.items() if path not in changed}
        for path in (*moved, *changed):
            if os.path.lexists(folder / path):
                entries[path] = facts_of(folder / path)
        return FolderSnapshot(entries)

    @cached_property
    def _home(self) -> Path | None:
        """Where the folders are; None on a file system that does not tell of every change."""
        name = f"cache-{os.getpid()}-{secrets.token_hex(4)}"
        home = self._held.enter_context(locked_tempdir(self._trials / name))
        return home if _tells_of_changes(home) and _tells_of_no_reads(home) else None


def _read_in_time_to_come(path: Path) -> None:
    """Have a file, folder or link look the same whether it is read or not (`relatime`)."""
    facts = path.lstat()
    times = (facts.st_mtime_ns + _AHEAD, facts.st_mtime_ns)
    os.utime(path, ns=times, follow_symlinks=False)


def _tells_of_no_reads(folder: Path) -> bool:
    """Whether that holds here: not on a file system mounted with `strictatime`."""
    probe = folder / "read"
    probe.write_bytes(b"x")
    _read_in_time_to_come(probe)
    before = probe.lstat().st_atime_ns
    return probe.read_bytes() == b"x" and probe.lstat().st_atime_ns == before


def _tells_of_changes(folder: Path) -> bool:
    """Whether files here show each change by their ctime.

    A memory file system does not tell of what is written through a mapping.
    """
    probe = folder / "probe"
    probe.write_bytes(bytes(mmap.PAGESIZE))
    with probe.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        assert view[0] == 0, "a page that was read is mapped before it is written"
        before = changed_at(facts_of(probe))
        is_fine = _moves_past(before, folder)
        view[0] = 1
        return is_fine and changed_at(facts_of(probe)) != before


def _moves_past(moment: int, folder: Path) -> bool:
    """Wait until a change would have another ctime than `moment`, for not long."""
    hand, until = folder / "clock", time.monotonic() + _PATIENCE
    while True:
        hand.touch()
        if changed_at(facts_of(hand)) > moment:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
