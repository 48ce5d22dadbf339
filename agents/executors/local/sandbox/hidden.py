"""Where the host's files that no trial may see can be reached from: bind mounts show them again."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from .system import SYSTEM, is_below

_MOUNTS = Path("/proc/self/mountinfo")
_PROGRAMS = tuple(map(Path, ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/games", "/usr/local/bin")))
"""Homes of services, with nobody's files in them."""


def places(folders: Iterable[Path]) -> tuple[Path, ...]:
    """The folders that exist, at every place where this machine has them mounted.

    Without those that hold the system's own programs, as the home of a service does.
    """
    found = {place for folder in folders for place in (folder, *_mounted(folder.resolve()))}
    system = (*SYSTEM, *_PROGRAMS)
    return tuple(
        sorted(
            place
            for place in found
            if place.is_dir() and not any(is_below(folder, (place,)) for folder in system)
        )
    )


def _mounted(folder: Path) -> Iterator[Path]:
    """`folder`, and where else the same folder, or one inside it, is mounted."""
    yield folder
    mounts = list(_mounts())
    mine = [mount for mount in mounts if folder.is_relative_to(mount[2])]
    if not mine:
        return
    device, root, point = mine[-1]
    inner = root / folder.relative_to(point)
    for other, top, place in mounts:
        if other == device and inner.is_relative_to(top):
            yield place / inner.relative_to(top)
        elif other == device and top.is_relative_to(inner):
            yield place


def _mounts() -> Iterator[tuple[bytes, Path, Path]]:
    """Each mount: its device, which folder of that is mounted, and where; what covers it later."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:  # there is none on macOS
        return
    for line in lines:
        device, top, place = line.split()[2:5]
        yield device, _path(top), _path(place)


def _path(word: bytes) -> Path:
    """A path as mountinfo writes it: blanks and backslashes in octal."""
    return Path(os.fsdecode(word.decode("unicode_escape").encode("latin-1")))
