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
from contextlib import ExitStack, suppress
from functools import cache

from ..proctable import Proc, open_pidfd, page_tables

_GET_DESCRIPTOR = 438  # pidfd_getfd(2), on every machine
_MEMORY_OF = 55  # SO_MEMINFO, asm-generic/socket.h
_FACTS = "9I"
_RECEIVED, _SENT, _FORWARD, _QUEUED = 0, 2, 4, 5
"""Places in what it says, linux/sock_diag.h: bytes allocated to receive, to send, and ahead."""


def in_kernel(procs: Iterable[Proc]) -> int:
    """Bytes, about; what cannot be asked counts nothing."""
    seen = set[str]()
    return sum(page_tables(proc.pid) + _in_descriptors(proc.pid, seen) for proc in procs)


@cache
def counts_sockets() -> bool:
    """Whether sockets and pipes can be asked: a container's filter may refuse to."""
    out, into = os.pipe()
    process = open_pidfd(os.getpid())
    try:
        os.write(into, b"x")
        return process is not None and _held_by(process, out, is_pipe=True) == 1
    except OSError:
        return False
    finally:
        for handle in filter(None, (out, into, process)):
            os.close(handle)


def _in_descriptors(pid: int, seen: set[str]) -> int:
    """Bytes in the sockets and pipes of a process, but for those `seen`, which grows."""
    folder, held = f"/proc/{pid}/fd", 0
    with suppress(OSError), ExitStack() as open_here:
        process = None
        for name in os.listdir(folder):  # noqa: PTH208, names are all we need
            with suppress(OSError):
                link = os.readlink(f"{folder}/{name}")  # noqa: PTH115, a hot path
                if link in seen or not link.startswith(("socket:", "pipe:")):
                    continue
                seen.add(link)
                if process is None:
                    process = open_pidfd(pid)
                    if process is None:
                        break
                    open_here.callback(os.close, process)
                held += _held_by(process, int(name), is_pipe=link.startswith("pipe:"))
    return held


def _held_by(process: int, number: int, *, is_pipe: bool) -> int:
    """Bytes in one socket or pipe of a process, given by its descriptor. Raises OSError."""
    # A copy that stayed open here would keep the trial from ever reading to the end of it.
    ours = int(ctypes.CDLL(None, use_errno=True).syscall(_GET_DESCRIPTOR, process, number, 0))
    if ours < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    try:
        if is_pipe:
            waiting = array.array("i", [0])
            fcntl.ioctl(ours, termios.FIONREAD, waiting)
            return waiting[0]
        asked = socket.socket(fileno=ours)
        try:
            told = asked.getsockopt(socket.SOL_SOCKET, _MEMORY_OF, struct.calcsize(_FACTS))
        finally:
            asked.detach()
        facts: tuple[int, ...] = struct.unpack(_FACTS, told)
        return facts[_RECEIVED] + facts[_FORWARD] + max(facts[_SENT], facts[_QUEUED])
    finally:
        os.close(ours)
