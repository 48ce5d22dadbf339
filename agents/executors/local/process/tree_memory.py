"""The memory and the number of a trial's processes, sampled while they run.

Files in a sandbox's own /tmp and /dev/shm count, and memory files that a process holds. Not seen:
System V segments that no process maps, and files in another memory file system.
"""

import time
from collections.abc import Sequence

from .limits import Pace, Stop, over
from .proctable import Proc, fair_share, high_water
from .reaper import Tree
from .tmpfs_usage import in_files, mapped
from .unlinked_files import in_memory_files

MOST_PROCESSES = 1_000


class TreeMemory:
    """Samples a tree of processes; `peak` is the most memory seen in use at once, in bytes.

    A sum of RSS counts pages that processes share once for each, and mapped files twice. Where it
    passes `allowed`, shared pages are divided (PSS), which takes the kernel longer. What a single
    process held at its highest is no over-count, and tells of peaks between samples.
    """

    def __init__(self, tree: Tree, allowed: int) -> None:
        self.peak = 0
        self._tree = tree
        self._allowed = allowed
        self._count = 1
        self._pace = _pace()

    @property
    def due(self) -> float:
        """When to check next, on the monotonic clock."""
        return self._pace.due

    def check(self) -> Stop | None:
        """Take a sample."""
        started = time.monotonic()
        procs = self._tree.living()
        if len(procs) > MOST_PROCESSES:
            return Stop(
                "processes",
                f"ran {len(procs):,} processes at once, over the {MOST_PROCESSES:,} allowed",
            )
        stop = self.note(max(self._together(procs), *(high_water(proc.pid) for proc in procs), 0))
        self._pace.done(started)
        if len(procs) > 2 * self._count:  # so that a fork bomb has no long gap to grow in
            self._pace = _pace()
        self._count = max(len(procs), 1)
        return stop

    def note(self, used: int) -> Stop | None:
        """Take in that so many bytes were in use at some time."""
        self.peak = max(self.peak, used)
        if self.peak > self._allowed:
            return Stop("memory", over("used", self.peak, self._allowed))
        return None

    def _together(self, procs: Sequence[Proc]) -> int:
        files = in_files(procs) + in_memory_files(procs)
        plain = sum(proc.rss for proc in procs) + files
        if plain <= self._allowed:
            return plain
        # A file that is mapped counts once, as the page a process holds.
        return sum(map(fair_share, procs)) + max(0, files - mapped(procs))


def _pace() -> Pace:
    return Pace(first=0.002, most=0.2)
