"""How much a trial writes below its folder, sampled while it runs.

Not seen: files outside the folder, and files deleted but still held open. Each of them is bounded
by the largest file size that `launch` sets.
"""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .folder_snapshot import Facts, Known, take, total
from .limits import Pace, Stop, over

MOST_FILES = 100_000
SLICE = 0.005
"""Seconds of a walk after which it pauses, so that no walk makes a trial's deadline late."""


class Walk:
    """A walk down a folder that can be broken off; `bytes` in `files` (or folders) seen so far."""

    def __init__(self, folder: Path) -> None:
        self.bytes = 0
        self.files = 0
        self._sizes = _sizes(folder)

    def advance(self, until: float = math.inf) -> bool:
        """Go on until a monotonic time; True at the end. OSError where a part is unreadable."""
        for size in self._sizes:
            self.bytes += size
            self.files += 1
            if time.monotonic() > until:
                return False
        return True


def _sizes(folder: Path) -> Iterator[int]:
    """The size of each file and 0 for a folder; no link is followed.

    A file counts once, also under two names, or when it is renamed while this walks.
    """
    # A link in the folder's place would lead the walk through the whole machine.
    folders, counted = [] if folder.is_symlink() else [str(folder)], set[int]()
    while folders:
        for entry in _entries(folders.pop()):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
                yield 0
            elif (facts := _facts(entry)) and facts.st_ino not in counted:
                counted.add(facts.st_ino)
                yield facts.st_size


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):  # gone, or replaced, since it was listed
        return []


def _facts(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class _Whole:
    """What lies below a folder: bytes in all, and the number of files and folders."""

    bytes: int
    files: int


def _whole(folder: Path) -> _Whole:
    walk = Walk(folder)
    walk.advance()
    return _Whole(walk.bytes, walk.files)


def _whole_of(found: dict[str, Facts]) -> _Whole:
    return _Whole(total(found), len(found) - 1)  # without the folder itself


class FolderGrowth:
    """Samples a folder against what it held at the start; `written` is the growth in bytes.

    Where that is `known` it is not looked at, and what is left at the end gets known too.
    """

    def __init__(self, folder: Path, allowed: int, known: Known | None = None) -> None:
        self.written = 0
        self._folder = folder
        self._allowed = allowed
        self._known = known
        if known is None:
            self._start = _whole(folder)
        self._walk = Walk(folder)
        self._pace = Pace(first=0.05, most=0.1)

    @cached_property
    def _start(self) -> _Whole:
        """What the folder held at the start; many a trial ends before anybody asks for it."""
        assert self._known is not None, "it was looked at where nothing was known"
        return _whole_of(self._known.before)

    @property
    def due(self) -> float:
        """When to check next, on the monotonic clock."""
        return self._pace.due

    def check(self) -> Stop | None:
        """Go on with the walk through the folder."""
        started = time.monotonic()
        try:
            done = self._walk.advance(started + SLICE)
        except OSError as error:
            return _unreadable(error)
        stop = self._over(self._walk.bytes, self._walk.files)
        if done:
            self._walk = Walk(self._folder)
            self._pace.done(started)
        else:
            self._pace.paused(started)
        return stop

    def final(self) -> Stop | None:
        """Measure all of the folder at once."""
        try:
            if self._known is None:
                return self._grown_to(_whole(self._folder))
            return self._look_again(self._known)
        except OSError as error:
            return _unreadable(error)

    def _look_again(self, known: Known) -> Stop | None:
        most = len(known.before) + MOST_FILES
        found = take(self._folder, most)
        if len(found) <= most:
            known.after = found
        # To add up what is there takes longer than to see that it is all as it was.
        return None if found == known.before else self._grown_to(_whole_of(found))

    def _grown_to(self, end: _Whole) -> Stop | None:
        self.written = end.bytes - self._start.bytes
        return self._over(end.bytes, end.files)

    def _over(self, found: int, files: int) -> Stop | None:
        written, made = found - self._start.bytes, files - self._start.files
        if written > self._allowed:
            return Stop("output", over("wrote", written, self._allowed))
        if made > MOST_FILES:
            return Stop("output", f"made {made:,} files, over the {MOST_FILES:,} allowed")
        return None


def _unreadable(error: OSError) -> Stop:
    return Stop("output", f"left a folder that cannot be measured: {error.strerror}")
