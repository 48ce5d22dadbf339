"""Memory that a trial holds in files: the memory file systems that a sandbox made for it alone."""

import os
from collections.abc import Iterable
from contextlib import suppress

from .proctable import Proc

_PLACES = ("tmp", "dev/shm")
_INODE = 1024
"""Bytes of the kernel's own memory that a file costs, empty or not; about."""


def in_files(procs: Iterable[Proc]) -> int:
    """Bytes in the trial's own /tmp and /dev/shm, seen through its processes; 0 without them."""
    seen = set[int]()
    for place in _PLACES:
        _unseen(f"/{place}", seen)  # ours, not the trial's
    places = [f"/proc/{proc.pid}/root/{place}" for proc in procs for place in _PLACES]
    return sum(_unseen(place, seen) for place in places)


def _unseen(place: str, seen: set[int]) -> int:
    """Bytes used on the file system of `place`, unless its device was `seen`; now it is."""
    try:
        # One handle for both questions: a sandbox that is being set up changes its root.
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        device = os.fstat(handle).st_dev
        if device in seen:
            return 0
        seen.add(device)
        facts = os.fstatvfs(handle)
    finally:
        os.close(handle)
    blocks, files = facts.f_blocks - facts.f_bfree, facts.f_files - facts.f_ffree
    return blocks * facts.f_frsize + files * _INODE


def mapped(procs: Iterable[Proc]) -> int:
    """Bytes of files in memory that processes have mapped, each shared page counted once."""
    return sum(_mapped(proc.pid) for proc in procs)


def _mapped(pid: int) -> int:
    with suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123
        for line in file:
            if line.startswith(b"Pss_Shmem:"):
                return int(line.split()[1]) * 1024
    return 0
