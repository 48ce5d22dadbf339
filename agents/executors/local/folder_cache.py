"""Folders of large trees that stay laid out from trial to trial: each pays for its change alone.

A candidate may write anything in its folder, and nothing of it may reach the next. So all that is
in it is known before a trial and after (`process.inventory`): what the trial added goes, each file
that it touched is written anew, and where a folder is not as it was made, or something is not
known, everything is. What is known is kept in this process's memory alone; the folders that a
killed worker leaves are swept like those of any trial.

A file's times and its inode can tell a candidate which files those before it touched; nothing that
they hold or are called does. Whoever runs in no sandbox could write in these folders at any time,
so trials without one get a new folder each.
"""

import fcntl
import mmap
import os
import secrets
import sys
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

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
from .process import Known, held_folder, remove
from .process.folder_snapshot import Facts, changed_at, facts_of, identity, is_folder, take

LARGE = 1000
"""The files of a tree that is worth a folder of its own."""
_MOST = 1 << 40
_PATIENCE = 0.05
"""Seconds in which the clock of a file system has to move."""
_GET_FLAGS = 0x80086601
"""ioctl(2)'s FS_IOC_GETFLAGS."""
_ITS_OWN = 0x10001000
"""The flags that ext4 itself sets on a folder, as it grows and shrinks."""
Keep = Callable[[str], bool]


@dataclass(frozen=True)
class Laid:
    """A folder that a tree was laid out in; `known` is for the process that runs in it."""

    folder: Path
    known: Known | None = None


class Pool:
    """The folders that a worker keeps below `trials`, each under a name, until it ends."""

    def __init__(self, repo: Repository, trials: Path, *, is_sealed: bool) -> None:
        self._repo = repo
        self._is_sealed = is_sealed
        """Whether what runs in one folder can write in no other."""
        self._trials = trials
        self._kept: dict[str, _Kept] = {}
        self._held = ExitStack()
        weakref.finalize(self, _let_go, self._held, os.getpid())

    def lay_out(self, name: str, tree: Oid, keep: Keep, fresh: Path) -> Laid:
        """The files of `tree` that `keep` lets through: in the kept folder `name`, else `fresh`."""
        if "_home" in vars(self) and self._home and not self._home.is_dir():
            # Whatever is in the lab's folder of caches may be deleted at any time.
            self._kept.clear()
            del self._home
        if name not in self._kept:
            if not (self._is_sealed and _is_large(self._repo, tree) and self._home):
                export_tree(self._repo, tree, fresh, keep)
                return Laid(fresh)
            self._kept[name] = _Kept(self._repo, self._home / name)
        known = self._kept[name].lay_out(tree, keep)
        return Laid(known.folder, known)

    @cached_property
    def _home(self) -> Path | None:
        """Where the folders are; None on a file system that does not tell of every change."""
        name = f"pool-{os.getpid()}-{secrets.token_hex(4)}"
        home = self._held.enter_context(held_folder(self._trials / name))
        return home if _tells_of_changes(home) else None


def _let_go(held: ExitStack, owner: int) -> None:
    if os.getpid() == owner:  # and not one that was forked from it
        held.close()


def _is_large(repo: Repository, tree: Oid) -> bool:
    return any(islice(walk(repo, tree), LARGE - 1, None))


class _Kept:
    """One folder, and what was laid out in it."""

    def __init__(self, repo: Repository, place: Path) -> None:
        self._repo = repo
        self._place = place
        self._tree: Oid | None = None
        """What stands in the folder but for the last trial's doings; None where that is unknown."""
        self._known = Known(place, {})
        self._laid: dict[str, Facts] = {}
        self._traits: dict[str, _Traits] = {}
        self._newest = 0
        """The last change to anything in the folder that was ours."""

    def lay_out(self, tree: Oid, keep: Keep) -> Known:
        """`tree` as a new folder would have it. What a trial changes of it from now on shows."""
        before, self._tree = self._tree, None  # for as long as this may be broken off
        if before is None or not self._has_become(before, tree, keep):
            self._start_anew(tree, keep)
        if _moves_past(self._newest, self._place.parent):
            self._tree = tree
        self._known = Known(self._known.folder, self._laid)
        return self._known

    def _has_become(self, before: Oid, tree: Oid, keep: Keep) -> bool:
        """Make one tree of another, if all can be undone that a trial did meanwhile."""
        try:
            if not self._known.folder.is_dir() or not self._return_to(before):
                return False
            self._go_on_to(before, tree, keep)
        except (OSError, KeyError):  # no commit holds these trees, and gc may have taken one
            return False
        return True

    def _start_anew(self, tree: Oid, keep: Keep) -> None:
        remove(self._known.folder)
        # Under another name: what somebody made in the old one may not let itself be removed.
        folder = self._place.with_name(f"{self._place.name}-{secrets.token_hex(4)}")
        self._known = Known(folder, {})
        export_tree(self._repo, tree, folder, keep)
        self._laid = take(folder, _MOST)
        self._newest = max(map(changed_at, self._laid.values()))
        folders = [path for path, facts in self._laid.items() if is_folder(facts)]
        self._traits = {path: _traits(folder / path) for path in folders}

    def _return_to(self, tree: Oid) -> bool:
        """Undo what the last trial did; False where that is not certain to be all of it."""
        left, laid = self._known.after, self._laid
        if left is None:
            return False
        if left == laid:
            return True
        touched = [path for path, facts in laid.items() if left.get(path) != facts]
        folders = [path for path in touched if is_folder(laid[path])]
        if not all(self._is_as_made(path, left.get(path)) for path in folders):
            return False
        added = [path for path in left if path not in laid and _above(path) in laid]
        files = [path for path in touched if not is_folder(laid[path])]
        if not all(_clear(self._known.folder / path) for path in (*files, *added)):
            return False
        for path in files:
            entry = find(self._repo, tree, path)
            if entry is None:
                return False
            write_file(self._repo, entry, self._known.folder / path)
        self._look_again({*touched, *map(_above, (*files, *added))})
        return True

    def _is_as_made(self, path: str, facts: Facts | None) -> bool:
        """Whether a folder in which names came or went is otherwise as it was made."""
        if facts is None or identity(facts) != identity(self._laid[path]):
            return False
        return _traits(self._known.folder / path) == self._traits[path]

    def _go_on_to(self, before: Oid, tree: Oid, keep: Keep) -> None:
        """Make one tree of another, where the first stands alone."""
        changes = [one for one in differences(self._repo, before, tree) if keep(one.path)]
        folder, touched = self._known.folder, set[str]()
        for one in changes:
            if one.before is not None and is_file(one.before):
                (folder / one.path).unlink()
                touched |= {one.path, *self._without_empty(_above(one.path))}
        for one in changes:
            if one.after is not None and is_file(one.after):
                touched |= {one.path, *self._with_folders(_above(one.path))}
                write_file(self._repo, one.after, folder / one.path)
        self._look_again(touched)

    def _without_empty(self, path: str) -> Iterable[str]:
        """Remove a folder if it is empty, and those it lies in likewise; the folders looked at."""
        while path:
            yield path
            try:
                (self._known.folder / path).rmdir()
            except OSError:
                return
            path = _above(path)
        yield path

    def _with_folders(self, path: str) -> Iterable[str]:
        """Make a folder if it is missing, and those it lies in likewise; the folders looked at."""
        yield path
        if path and not (self._known.folder / path).is_dir():
            yield from self._with_folders(_above(path))
            (self._known.folder / path).mkdir()

    def _look_again(self, paths: Iterable[str]) -> None:
        """Know anew what we changed ourselves."""
        for path in paths:
            place = self._known.folder / path
            try:
                self._laid[path] = facts = facts_of(place)
            except (FileNotFoundError, NotADirectoryError):
                self._laid.pop(path, None)
                continue
            self._newest = max(self._newest, changed_at(facts))
            if is_folder(facts):
                self._traits[path] = _traits(place)


@dataclass(frozen=True)
class _Traits:
    """What a folder can be given besides a mode: access lists among the attributes, and flags."""

    attributes: tuple[tuple[str, bytes], ...]
    flags: int


def _traits(folder: Path) -> _Traits:
    names: list[str] = []
    with suppress(OSError):  # a file system without any
        names = sorted(os.listxattr(folder, follow_symlinks=False))
    attributes = tuple((name, os.getxattr(folder, name, follow_symlinks=False)) for name in names)
    flags = bytearray(8)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.ioctl(handle, _GET_FLAGS, flags)
    finally:
        os.close(handle)
    return _Traits(attributes, int.from_bytes(flags[:4], sys.byteorder) & ~_ITS_OWN)


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _clear(place: Path) -> bool:
    """Remove what stands there, a folder with all in it; whether nothing does any more."""
    if place.is_dir() and not place.is_symlink():
        remove(place)
    else:
        place.unlink(missing_ok=True)
    return not os.path.lexists(place)


def _tells_of_changes(place: Path) -> bool:
    """Whether files here show each change by their ctime.

    A memory file system does not tell of what is written through a mapping.
    """
    probe = place / "probe"
    probe.write_bytes(bytes(mmap.PAGESIZE))
    with probe.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        assert view[0] == 0, "a page that was read is mapped before it is written"
        before = changed_at(facts_of(probe))
        is_fine = _moves_past(before, place)
        view[0] = 1
        return is_fine and changed_at(facts_of(probe)) != before


def _moves_past(moment: int, place: Path) -> bool:
    """Wait until a change would have another ctime than `moment`, for not long."""
    hand, until = place / "clock", time.monotonic() + _PATIENCE
    while True:
        hand.touch()
        if changed_at(facts_of(hand)) > moment:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
