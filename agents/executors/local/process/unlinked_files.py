"""Files that a trial holds open and that no folder names: deleted ones, and memory files."""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

from .limits import Pace, Stop, over
from .proctable import Proc
from .reaper import Tree

_BLOCK = 512  # what st_blocks counts in, on every Linux file system
_OWN_MEMORY = ("tmp", "dev/shm")
_MEMORY_FILE = "/memfd:"


class HeldOpen:
    """A meter of the disk that deleted files hold, stopped over `allowed` bytes."""

    def __init__(self, tree: Tree, allowed: int) -> None:
        self._tree = tree
        self._allowed = allowed
        self._pace = Pace(first=0.02, most=0.5)

    @property
    def due(self) -> float:
        """When to check next, on the monotonic clock."""
        return self._pace.due

    def check(self) -> Stop | None:
        """Take a sample."""
        started = time.monotonic()
        held = sum(size for in_memory, size in _nameless(self._tree.living()) if not in_memory)
        self._pace.done(started)
        if held > self._allowed:
            return Stop("output", over("held deleted files of", held, self._allowed))
        return None


def in_memory_files(procs: Iterable[Proc]) -> int:
    """Bytes in memory files (memfd_create) that the processes hold, each counted once."""
    return sum(size for in_memory, size in _nameless(procs) if in_memory)


def _nameless(procs: Iterable[Proc]) -> Iterator[tuple[bool, int]]:
    """(is in memory, bytes) of each nameless file; those on the trial's own /tmp count there."""
    seen = set[tuple[int, int]]()
    for proc in procs:
        own = {_device(f"/proc/{proc.pid}/root/{place}") for place in _OWN_MEMORY}
        for link, facts in _open_files(proc.pid):
            key = (facts.st_dev, facts.st_ino)
            if stat.S_ISREG(facts.st_mode) and not facts.st_nlink and key not in seen:
                seen.add(key)
                in_memory = link.startswith(_MEMORY_FILE)
                if in_memory or facts.st_dev not in own:
                    yield in_memory, facts.st_blocks * _BLOCK


def _open_files(pid: int) -> Iterator[tuple[str, os.stat_result]]:
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208, names are all we need
            with suppress(OSError):
                path = f"{folder}/{name}"
                yield os.readlink(path), os.stat(path)  # noqa: PTH115, PTH116, a hot path


def _device(place: str) -> int:
    with suppress(OSError):
        return os.stat(place).st_dev  # noqa: PTH116, a hot path
    return 0
