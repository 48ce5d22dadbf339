"""The memory and the number of a trial's processes, sampled while they run.

Files in a sandbox's own /tmp and /dev/shm count, memory files that a process holds, and what
`kernel_memory` finds. Not seen: files in another memory file system, and what the kernel keeps of
threads and locks.
"""

from ..proctable import fair_share, high_water, mapped_files
from ..reaper import ProcessTree
from .kernel_memory import in_kernel
from .limits import Meter, Stop, over
from .tmpfs_usage import in_files
from .unlinked_files import in_memory_files

MOST_PROCESSES = 1_000


class TreeMemory(Meter):
    """Samples a tree of processes; `peak` is the most memory seen in use at once, in bytes.

    A sum of RSS counts pages that processes share once for each, and mapped files twice. Where it
    passes `allowed`, shared pages are divided (PSS), which takes the kernel longer. What a single
    process held at its highest is no over-count, and tells of peaks between samples.
    """

    first, longest = 0.002, 0.2

    def __init__(self, tree: ProcessTree, allowed: int) -> None:
        super().__init__()
        self.peak = 0
        self._tree = tree
        self._allowed = allowed
        self._count = 1

    def check(self) -> Stop | None:
        """Sample now, and soon again where there are many more processes than before."""
        before = self._count
        stop = super().check()
        if self._count > 2 * before:  # so that a fork bomb has no long gap to grow in
            self.restart()
        return stop

    def sample(self) -> Stop | None:
        """Count the processes and what they hold together."""
        procs = self._tree.living()
        self._count = max(len(procs), 1)
        if len(procs) > MOST_PROCESSES:
            ran = f"ran {len(procs):,} processes at once, over the {MOST_PROCESSES:,} allowed"
            return Stop("processes", ran)
        files, kernels = in_files(procs) + in_memory_files(procs), in_kernel(procs)
        together = sum(proc.rss for proc in procs) + files + kernels
        if together > self._allowed:
            # A file that is mapped counts once, as the page a process holds.
            in_none = files - sum(mapped_files(proc.pid) for proc in procs)
            together = sum(map(fair_share, procs)) + max(0, in_none) + kernels
        return self.note(max(together, *(high_water(proc.pid) for proc in procs), 0))

    def note(self, used: int) -> Stop | None:
        """Take in that so many bytes were in use at some time."""
        self.peak = max(self.peak, used)
        if self.peak > self._allowed:
            return Stop("memory", over("used", self.peak, self._allowed))
        return None
