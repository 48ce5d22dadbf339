"""Who holds a lease: a process of a machine. On its own machine the kernel says whether it runs."""

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Holder:
    """What a lease's blob says; its fields are the JSON's keys."""

    worker: str
    host: str
    boot: str
    """Of the kernel's present run; empty off Linux, where processes are not looked at."""
    pid: int
    started: int
    """In clock ticks since boot: the kernel uses a pid again, but not with the same birth."""
    turn: int
    """Tells a worker's claims of one node apart."""
    deadline: int
    """Unix seconds."""

    def runs(self) -> bool | None:
        """Whether its process runs; None where that cannot be told.

        So it is on another machine, and where the process is stopped or hidden from us.
        """
        host, boot = this_machine()
        if self.host != host or not boot:
            return None
        if self.boot != boot or self.pid <= 0:
            return False
        if process := _process(self.pid):
            state, started = process
            if not state or started != self.started:
                return False
            return None if state in "Tt" else True
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:  # another user's, and /proc shows us our own only
            return None
        return None  # it ended between the two looks


def this_holder(worker: str, turn: int, deadline: int) -> Holder:
    """This process, as `worker`."""
    host, boot = this_machine()
    pid = os.getpid()
    return Holder(worker, host, boot, pid, _started(pid), turn, deadline)


@cache
def this_machine() -> tuple[str, str]:
    """The names of this machine and of its kernel's present run."""
    boot = _line("/proc/sys/kernel/random/boot_id")
    # Where machines have no id of their own, a reboot is not told from another machine of the name.
    host = f"{socket.gethostname()} {_line('/etc/machine-id') or boot}"
    # In a container with pids of its own a number says nothing outside: that is another host.
    with suppress(OSError):
        host += f" {os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116
    return host, boot


@cache
def _started(pid: int) -> int:
    """When this process began. Named by its pid, since a fork is another."""
    process = _process(pid)
    return 0 if process is None else process[1]


def _process(pid: int) -> tuple[str, int] | None:
    """State and start of a process by /proc; no state once it is dead, waited for or not."""
    # proc(5) numbers the state 3; the name before it may hold spaces and brackets.
    fields = [""] * 3 + _line(f"/proc/{pid}/stat").rpartition(") ")[2].split()
    if len(fields) == 3:
        return None
    # A killed process is not dead, and its files are not closed, before its last thread is.
    is_dead = fields[3] in ("Z", "X") and int(fields[20]) <= 1
    return "" if is_dead else fields[3], int(fields[22])


def _line(path: str) -> str:
    try:
        return Path(path).read_text("latin-1").strip()
    except OSError:
        return ""
