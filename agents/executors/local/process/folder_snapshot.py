"""What a folder holds, told so exactly that whatever is changed in it later shows.

Of each file and folder it tells the time of its last change (ctime), which a process can set only
by setting the machine's clock, or past the file system.
"""

import os
import stat
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path

Facts = tuple[int, ...]
"""Of one file or folder: the functions below say what they tell."""
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
_KIND = 0o170000
"""The part of a mode that says what it is the mode of."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Known:
    """A folder of which is known what it held before a run, so that nobody need look again."""

    folder: Path
    before: dict[str, Facts]
    after: dict[str, Facts] | None = None
    """What it held once all processes of the run had ended; None where that is not known."""


def take(folder: Path, most: int) -> dict[str, Facts]:
    """All that lies below `folder`, by path, itself as ''; no link is followed.

    It ends early with more than `most` entries. Raises OSError where a part is unreadable.
    """
    # Relative to handles: a look-up from the root for each file would take half as long again.
    root = os.open(folder, _FOLDER)
    try:
        found, folders = {"": _FACTS(os.fstat(root))}, [""]
        while folders and len(found) <= most:
            inner = _take_one(root, folders.pop(), most + 1 - len(found))
            found |= inner
            folders += [path for path, facts in inner.items() if facts[0] & _KIND == stat.S_IFDIR]
        return found
    finally:
        os.close(root)


def _take_one(root: int, path: str, most: int) -> dict[str, Facts]:
    """What lies right in one folder, or `most` of it."""
    above = f"{path}/" if path else ""
    handle = os.open(path or ".", _FOLDER, dir_fd=root)
    try:
        with os.scandir(handle) as entries:
            return {
                above + entry.name: _FACTS(entry.stat(follow_symlinks=False))
                for entry in islice(entries, most)
            }
    finally:
        os.close(handle)


def facts_of(path: Path) -> Facts:
    """What an inventory tells of one file or folder."""
    return _FACTS(path.lstat())


def is_folder(facts: Facts) -> bool:
    """Whether they are a folder's."""
    return stat.S_ISDIR(facts[0])


def identity(facts: Facts) -> Facts:
    """What does not change of a folder while files in it come and go: which, whose, its mode."""
    return facts[:5]


def changed_at(facts: Facts) -> int:
    """The ctime, in nanoseconds."""
    return facts[8]


def total(found: dict[str, Facts]) -> int:
    """Bytes in all files; one with two names counts once."""
    sizes = {facts[1]: facts[5] for facts in found.values() if not stat.S_ISDIR(facts[0])}
    return sum(sizes.values())
