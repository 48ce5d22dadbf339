"""What the kernel says of processes: who descends from whom, and the memory they hold.

On Linux this reads /proc itself: a walk down from one process costs 10 to 20 microseconds for each
process found, where psutil reads every process of the machine. Elsewhere psutil does the work.
"""

import os
import resource
import signal
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PAGE = resource.getpagesize()
MOST = 4096
"""A walk stops after this many processes: a fork bomb can grow as fast as it is read."""

LINUX = Path("/proc/self/stat").exists()
LISTS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()

Key = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Proc:
    """A process as last seen; `born` is in clock ticks since boot, off Linux in Unix seconds."""

    pid: int
    born: float
    parent: int
    group: int
    session: int
    rss: int
    zombie: bool

    @property
    def key(self) -> Key:
        """Its identity: the kernel uses a pid again, but not with the same birth."""
        return self.pid, self.born


def look(pid: int) -> Proc | None:
    """Process `pid`, zombies included; None once it is gone."""
    if not LINUX:
        return _from_psutil(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123, a third of pathlib's cost
            text = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # proc(5) numbers the state 3; the name before it may hold spaces and brackets.
    field = [b""] * 3 + text.rpartition(b") ")[2].split()
    return Proc(
        pid=pid,
        born=float(field[22]),
        parent=int(field[4]),
        group=int(field[5]),
        session=int(field[6]),
        rss=int(field[24]) * PAGE or (_of_a_thread(pid) if int(field[20]) > 1 else 0),
        # A main thread that ended alone shows as a zombie while its other threads run on.
        zombie=field[3] in (b"Z", b"X") and int(field[20]) <= 1,
    )


def _of_a_thread(pid: int) -> int:
    """The memory of a process whose main thread has ended alone, and shows none, in bytes."""
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208, names are all we need
            with open(f"/proc/{pid}/task/{task}/statm", "rb") as file:  # noqa: PTH123
                if resident := int(file.read().split()[1]):
                    return resident * PAGE
    return 0


def _from_psutil(pid: int) -> Proc | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return Proc(
                pid=pid,
                born=process.create_time(),
                parent=process.ppid(),
                group=os.getpgid(pid),
                session=os.getsid(pid),
                rss=process.memory_info().rss,
                zombie=process.status() == psutil.STATUS_ZOMBIE,
            )
    except (psutil.Error, OSError):
        return None


def below(pid: int) -> list[Proc]:
    """Every descendant of `pid` that is still linked to it, parents first, at most `MOST`."""
    found: dict[int, Proc] = {}
    parents = [pid]
    for parent in parents:  # grows while it is read
        children: list[int] = []
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208, names are all we need
                with open(f"/proc/{parent}/task/{task}/children", "rb") as file:  # noqa: PTH123
                    children += map(int, file.read().split())
        for child in children:
            if child not in found and (proc := look(child)):
                found[child] = proc
                parents.append(child)
        if len(found) > MOST:
            break
    return list(found.values())


def kin(pid: int, session: int, known: Container[Key]) -> list[Proc]:
    """Like `below`, with orphans: members of `session` and `known` processes, and theirs."""
    import psutil

    everyone = [proc for each in psutil.pids() if (proc := look(each))]
    found = {
        proc.pid: proc
        for proc in everyone
        if proc.parent == pid or session in (proc.group, proc.session) or proc.key in known
    }
    while more := [p for p in everyone if p.parent in found and p.pid not in found]:
        found |= {proc.pid: proc for proc in more}
    return list(found.values())


def signal_exactly(proc: Proc, number: signal.Signals) -> None:
    """Signal this process and no later one with its pid; nothing where it is gone or not ours."""
    handle = open_pidfd(proc.pid)
    try:
        seen = look(proc.pid)
        if seen is None or seen.key != proc.key:
            return
        with suppress(ProcessLookupError, PermissionError):
            if handle is None:
                os.kill(proc.pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
    finally:
        if handle is not None:
            os.close(handle)


def open_pidfd(pid: int) -> int | None:
    """A descriptor for the process, readable once it has exited; None where there is none."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # gone, or a container's filter refuses the call
        return None


def high_water(pid: int) -> int:
    """The most memory the program in `pid` ever held, in bytes; 0 where the kernel keeps none."""
    return _bytes_in(f"/proc/{pid}/status", b"VmHWM:")


def page_tables(pid: int) -> int:
    """Bytes that the kernel uses to map the memory of `pid`, also where nothing is in that."""
    return _bytes_in(f"/proc/{pid}/status", b"VmPTE:")


def mapped_files(pid: int) -> int:
    """Bytes of files in memory that it has mapped, its share where others map them too."""
    return _bytes_in(f"/proc/{pid}/smaps_rollup", b"Pss_Shmem:")


def _bytes_in(file: str, line_starts: bytes) -> int:
    with suppress(OSError), open(file, "rb") as lines:  # noqa: PTH123
        for line in lines:
            if line.startswith(line_starts):
                return int(line.split()[1]) * 1024
    return 0


def fair_share(proc: Proc) -> int:
    """Its memory in bytes with each shared page divided among its holders (PSS), or its RSS."""
    import psutil

    try:
        # None is told of a process whose main thread has ended alone: then what a thread showed.
        facts = psutil.Process(proc.pid).memory_full_info()
        return int(getattr(facts, "pss", 0)) or proc.rss
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return proc.rss
    except psutil.Error:
        return 0
