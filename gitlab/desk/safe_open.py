"""Reads below a folder that somebody hostile filled: no link is followed, nothing blocks."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO that takes a file's place after the look at it would block without O_NONBLOCK.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "a symlink",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class Unfit(Exception):
    """What stands there is not taken; its text follows the path, as in `is a FIFO`."""


@dataclass(frozen=True)
class Content:
    """A regular file's bytes, and whether its owner may execute it."""

    data: bytes
    executable: bool


@contextmanager
def opened_root(folder: Path) -> Iterator[int]:
    """A handle on `folder` itself. Raises OSError where it is a link or no folder."""
    handle = os.open(folder, _FOLDER)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def opened(root: int, path: str) -> Iterator[int]:
    """A handle on the folder `path` below `root`; raises OSError where a step is no folder."""
    handle = os.open(".", _FOLDER, dir_fd=root)
    try:
        for name in filter(None, path.split("/")):
            below = os.open(name, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def require_plain(facts: os.stat_result, most: int) -> None:
    """Raises Unfit for what is no regular file, has a second name or is over `most` bytes."""
    if not stat.S_ISREG(facts.st_mode):
        raise Unfit(f"is {_KINDS.get(stat.S_IFMT(facts.st_mode), 'no regular file')}")
    if facts.st_nlink > 1:
        raise Unfit("is a hard link: the file has another name elsewhere")
    if facts.st_size > most:
        raise Unfit(f"is too large: {facts.st_size:,} bytes where {most:,} are left")


def read_plain(folder: int, name: str, most: int) -> Content:
    """The regular file `name` in the open `folder`.

    Raises Unfit as `require_plain` does, and for a file that changes while it is read; OSError
    where it cannot be opened.
    """
    require_plain(os.stat(name, dir_fd=folder, follow_symlinks=False), most)
    handle = os.open(name, _FILE, dir_fd=folder)
    try:
        before = os.fstat(handle)
        require_plain(before, most)
        with open(handle, "rb", closefd=False) as file:
            data = file.read(before.st_size + 1)
        after = os.fstat(handle)
    finally:
        os.close(handle)
    state = attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_nlink")
    if state(before) != state(after) or len(data) != before.st_size:
        raise Unfit("changed while it was read")
    return Content(data, bool(before.st_mode & stat.S_IXUSR))
