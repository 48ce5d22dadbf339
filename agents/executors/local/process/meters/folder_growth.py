"""How much a trial writes below its folder, sampled while it runs.

Not seen: files outside the folder, and files deleted but still held open. Each of them is bounded
by the largest file size that `launch` sets.
"""

import os
import time
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path

from ..folder_snapshot import FolderSnapshot, scan
from .limits import Meter, Stop, over

MOST_FILES = 100_000
SLICE = 0.005
"""Seconds of a walk after which it pauses, so that no walk makes a trial's deadline late."""
_NO_LIMIT = 1 << 40


class Walk:
    """A walk through a folder while it changes, that can pause; `bytes` and `files` seen so far."""

    def __init__(self, folder: Path) -> None:
        self.bytes = 0
        self.files = 0
        self._sizes = _sizes(folder)

    def advance(self, until: float) -> bool:
        """Go on until a monotonic time; True at the end. OSError where a part is unreadable."""
        for size in self._sizes:
            self.bytes += size
            self.files += 1
            if time.monotonic() > until:
                return False
        return True


def _sizes(
    folder: Path, size: Callable[[os.stat_result], int] = attrgetter("st_size")
) -> Iterator[int]:
    """The size of each file and 0 for a folder; no link is followed.

    A file counts once, also under two names, or when it is renamed while this walks.
    """
    # A link in the folder's place would lead the walk through the whole machine.
    folders, counted = [] if folder.is_symlink() else [str(folder)], set[int]()
    while folders:
        try:
            with os.scandir(folders.pop()) as listed:
                entries = list(listed)
        except (FileNotFoundError, NotADirectoryError):  # gone, or replaced, since it was listed
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
                yield 0
                continue
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if facts.st_ino not in counted:
                counted.add(facts.st_ino)
                yield size(facts)


class FolderGrowth(Meter):
    """Samples a folder against what it held `before`, which is looked up where it is not given.

    After `final`: `written`, the growth in bytes, and `left`, what the folder holds at the end, or
    None where that could not be told.
    """

    first, longest = 0.05, 0.1

    def __init__(self, folder: Path, allowed: int, before: FolderSnapshot | None) -> None:
        super().__init__()
        self.written = 0
        self.left: FolderSnapshot | None = None
        self._folder = folder
        self._allowed = allowed
        self._before = before or scan(folder, _NO_LIMIT)
        self._walk = Walk(folder)

    def sample(self) -> Stop | None:
        """Go on with the walk through the folder."""
        try:
            self.is_complete = self._walk.advance(time.monotonic() + SLICE)
        except OSError as error:
            return _unreadable(error)
        stop = self._over(self._walk.bytes, self._walk.files)
        if self.is_complete:
            self._walk = Walk(self._folder)
        return stop

    def final(self) -> Stop | None:
        """Measure all of the folder at once, when nothing runs in it any more."""
        most = len(self._before.entries) + MOST_FILES
        try:
            found = scan(self._folder, most)
        except OSError as error:
            if self._folder.is_dir() and not self._folder.is_symlink():
                return _unreadable(error)
            self.written = -self._before.bytes  # it is gone, and whatever stands there is not it
            return None
        if len(found.entries) <= most:
            self.left = found
        if found == self._before:  # seen faster than its sizes are added up
            return None
        self.written = found.bytes - self._before.bytes
        return self._over(found.bytes, found.files)

    def reserved(self) -> Stop | None:
        """Whether it took more of the disk than it may, beyond the ends of its files too.

        That costs a look at each file, and is asked for only once the disk is full.
        """
        blocks = sum(_sizes(self._folder, lambda facts: facts.st_blocks * 512))
        return self._over(blocks, 0)

    def _over(self, found: int, files: int) -> Stop | None:
        written, made = found - self._before.bytes, files - self._before.files
        if written > self._allowed:
            return Stop("output", over("wrote", written, self._allowed))
        if made > MOST_FILES:
            return Stop("output", f"made {made:,} files, over the {MOST_FILES:,} allowed")
        return None


def _unreadable(error: OSError) -> Stop:
    return Stop("output", f"left a folder that cannot be measured: {error.strerror}")
