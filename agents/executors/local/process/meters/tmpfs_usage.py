"""Memory that a trial holds in files: the memory file systems that a sandbox made for it alone."""

import os
from collections.abc import Iterable

from ..proctable import Proc

PLACES = ("tmp", "dev/shm")
"""Where a sandbox has a memory file system of its own, below its root."""
_INODE = 1024
"""Bytes of the kernel's own memory that a file costs, empty or not; about."""


def in_files(procs: Iterable[Proc]) -> int:
    """Bytes in the trial's own /tmp and /dev/shm, seen through its processes; 0 without them."""
    roots = (f"/proc/{proc.pid}/root" for proc in procs)
    own = _used(f"{root}/{place}" for root in roots for place in PLACES)
    hosts = _used(f"/{place}" for place in PLACES)
    return sum(used for device, used in own.items() if device not in hosts)


def _used(places: Iterable[str]) -> dict[int, int]:
    """The bytes used on each file system among `places`, by its device."""
    found: dict[int, int] = {}
    for place in places:
        try:
            # One handle for both questions: a sandbox that is being set up changes its root.
            handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            device = os.fstat(handle).st_dev
            if device not in found:
                facts = os.fstatvfs(handle)
                blocks = facts.f_blocks - facts.f_bfree
                files = facts.f_files - facts.f_ffree
                found[device] = blocks * facts.f_frsize + files * _INODE
        finally:
            os.close(handle)
    return found
