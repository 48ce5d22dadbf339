"""Memory that the kernel holds for a trial: in its sockets and pipes, and to map its pages.

Not seen: what is in a socket while no process has it open, on its way through another one.
"""

import array
import ctypes
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Iterable
from contextlib import suppress

from ..proctable import Proc, page_tables

_GET_DESCRIPTOR = 438  # pidfd_getfd(2), on every machine
_MEMORY_OF = 55  # SO_MEMINFO, asm-generic/socket.h
_FACTS = "9I"
_RECEIVED, _SENT, _FORWARD, _QUEUED = 0, 2, 4, 5
"""Places in what it says, linux/sock_diag.h: bytes allocated to receive, to send, and ahead."""


def in_kernel(procs: Iterable[Proc]) -> int:
    """Bytes, about; what cannot be asked counts nothing."""
    seen = set[str]()
    return sum(page_tables(proc.pid) + _in_descriptors(proc.pid, seen) for proc in procs)


def _in_descriptors(pid: int, seen: set[str]) -> int:
    """Bytes in the sockets and pipes of a process, but for those `seen`, which grows."""
    folder, held = f"/proc/{pid}/fd", 0
    with suppress(OSError):
        names = os.listdir(folder)  # noqa: PTH208, names are all we need
        links = {}
        for name in names:
            with suppress(OSError):
                link = os.readlink(f"{folder}/{name}")  # noqa: PTH115, a hot path
                if link.startswith(("socket:", "pipe:")) and link not in seen:
                    links[link] = int(name)
        if not links:
            return 0
        seen.update(links)
        process = os.pidfd_open(pid)
        try:
            for number in links.values():
                with suppress(OSError):
                    held += _held_by(_borrowed(process, number))
        finally:
            os.close(process)
    return held


def _borrowed(process: int, number: int) -> int:
    """A descriptor of another process, as one of ours. Raises OSError."""
    handle = int(ctypes.CDLL(None, use_errno=True).syscall(_GET_DESCRIPTOR, process, number, 0))
    if handle < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return handle


def _held_by(handle: int) -> int:
    """Bytes in one socket or pipe; closes our handle of it."""
    try:
        with socket.socket(fileno=os.dup(handle)) as asked:
            size = struct.calcsize(_FACTS)
            facts = struct.unpack(_FACTS, asked.getsockopt(socket.SOL_SOCKET, _MEMORY_OF, size))
            return facts[_RECEIVED] + facts[_FORWARD] + max(facts[_SENT], facts[_QUEUED])
    except OSError:  # a pipe
        waiting = array.array("i", [0])
        fcntl.ioctl(handle, termios.FIONREAD, waiting)
        return waiting[0]
    finally:
        os.close(handle)
