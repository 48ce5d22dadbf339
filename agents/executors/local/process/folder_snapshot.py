"""What a folder holds, noted so exactly that whatever is changed in it later shows.

The time of a file's last change (ctime) is part of it, which a process can set only by setting the
machine's clock, or past the file system.
"""

import os
import stat
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import attrgetter
from pathlib import Path

Facts = tuple[int, ...]
"""Of one file or folder: what stat(2) says, in the order below."""
_FACTS = attrgetter(
    "st_mode",
    "st_ino",
    "st_dev",
    "st_uid",
    "st_gid",
    "st_size",
    "st_nlink",
    "st_mtime_ns",
    "st_ctime_ns",
)
_MODE, _INODE, _SIZE, _CTIME = 0, 1, 5, 8
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class FolderSnapshot:
    """All that lay below a folder, by path; the folder itself as ''."""

    entries: dict[str, Facts]

    @property
    def files(self) -> int:
        """How many files and folders lay in it."""
        return len(self.entries) - 1

    @cached_property
    def bytes(self) -> int:
        """The sizes of all files together; one with two names counts once."""
        entries = self.entries.values()
        sizes = {e[_INODE]: e[_SIZE] for e in entries if not stat.S_ISDIR(e[_MODE])}
        return sum(sizes.values())


def scan(folder: Path, most: int) -> FolderSnapshot:
    """What lies below `folder`; no link is followed. With over `most` entries it ends early.

    Raises OSError where a part is unreadable.
    """
    # Relative to handles: a look-up from the root for each file would take half as long again.
    root = os.open(folder, _FOLDER)
    try:
        entries, folders = {"": _FACTS(os.fstat(root))}, [""]
        while folders and len(entries) <= most:
            path = folders.pop()
            above = f"{path}/" if path else ""
            handle = os.open(path or ".", _FOLDER, dir_fd=root)
            try:
                with os.scandir(handle) as listed:
                    inner = {
                        above + entry.name: _FACTS(entry.stat(follow_symlinks=False))
                        for entry in islice(listed, most + 1 - len(entries))
                    }
            finally:
                os.close(handle)
            entries |= inner
            folders += [p for p, facts in inner.items() if stat.S_ISDIR(facts[_MODE])]
        return FolderSnapshot(entries)
    finally:
        os.close(root)


def facts_of(path: Path) -> Facts:
    """What a snapshot notes of one file or folder. Raises OSError where there is none."""
    return _FACTS(path.lstat())


def changed_at(facts: Facts) -> int:
    """The ctime, in nanoseconds."""
    return facts[_CTIME]
