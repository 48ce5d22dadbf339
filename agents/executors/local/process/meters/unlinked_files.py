"""Files that a trial holds open and that no folder names: deleted ones, and memory files."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ..proctable import Proc
from ..reaper import ProcessTree
from .limits import Meter, Stop, over
from .tmpfs_usage import PLACES

_BLOCK = 512  # what st_blocks counts in, on every Linux file system
_MEMORY_FILE = "/memfd:"


class DeletedFiles(Meter):
    """Samples the disk that deleted files hold, stopped over `allowed` bytes."""

    first, longest = 0.02, 0.5

    def __init__(self, tree: ProcessTree, allowed: int) -> None:
        super().__init__()
        self._tree = tree
        self._allowed = allowed

    def sample(self) -> Stop | None:
        """Add up what all processes of the trial hold."""
        files = unlinked_files(self._tree.living())
        held = sum(size for in_memory, size in files if not in_memory)
        if held > self._allowed:
            return Stop("output", over("held deleted files of", held, self._allowed))
        return None


def in_memory_files(procs: Iterable[Proc]) -> int:
    """Bytes in memory files (memfd_create) that the processes hold, each counted once."""
    return sum(size for in_memory, size in unlinked_files(procs) if in_memory)


def unlinked_files(procs: Iterable[Proc]) -> Iterator[tuple[bool, int]]:
    """(is in memory, bytes) of each open file without a name.

    Without those on the trial's own /tmp and /dev/shm: they count where these do.
    """
    seen = set[tuple[int, int]]()
    for proc in procs:
        own = set[int]()
        for place in PLACES:
            with suppress(OSError):
                own.add(os.stat(f"/proc/{proc.pid}/root/{place}").st_dev)  # noqa: PTH116, a hot path
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
