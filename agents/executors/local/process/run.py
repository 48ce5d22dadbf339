"""Run one untrusted command under limits of time, memory and output, so that nothing outlives it.

What it does not do: hide files or the network (a sandbox's work, which can wrap `argv`), bound the
CPU, or reach a process that another user owns. If this process is killed the main process of the
trial dies with it (Linux); what that one had started lives on, unless a PID namespace holds it.
Such a namespace is also what ends a fork bomb in which every process opens its own session: signals
sent one by one cannot keep up, and `run` raises CannotEnd. A bomb in one session it ends itself.
One trial at a time in a process.
"""

import errno
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...base import DiskFull
from .child import Child
from .folder_snapshot import FolderSnapshot
from .interrupts import listening, uninterrupted
from .launch import bounded, launch
from .meters.disk_space import DiskSpace
from .meters.folder_growth import FolderGrowth
from .meters.limits import Limit, Meter, Stop, over, size
from .meters.tree_memory import TreeMemory
from .meters.unlinked_files import DeletedFiles
from .reaper import ProcessTree
from .subreaper import adopting

GRACE = 0.3
"""Seconds between the request to end and the end, after a timeout or Ctrl-C."""
COURTESY = 0.1
"""Seconds for helpers that end by themselves once the main process has (multiprocessing's do)."""


@dataclass(frozen=True)
class Limits:
    """What a trial may use. A megabyte in a `ProcessResult.reason` is 2**20 bytes."""

    seconds: float
    memory: int
    """Bytes, all its processes together."""
    output: int
    """Bytes added below the folder and, counted apart, bytes printed."""


@dataclass(frozen=True)
class ProcessResult:
    """How a command ended and what it used."""

    code: int | None
    """Exit code, or minus a signal's number; None exactly where `stopped` is set."""
    stopped: Literal["", Limit]
    seconds: float
    """Until the last process ended, or all were stopped."""
    peak_memory: int
    """Bytes, all processes together, as sampled; exact only where one process uses the most."""
    written: int
    """Bytes below the folder at the end, less those at the start."""
    log: bytes
    """What was printed: 32 KiB from either end, and a line between that says what is missing."""
    printed: int
    """Bytes printed in all."""
    leftovers: int
    """Processes that still ran after the main one had ended, and were killed."""
    reason: str
    """'' or one sentence with figures, such as `ran past 60 s`."""
    left: FolderSnapshot | None = field(default=None, repr=False)
    """What the folder held once all processes had ended; None where that cannot be told."""


def run(
    argv: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    limits: Limits,
    before: FolderSnapshot | None = None,
    inherits: Sequence[int] = (),
) -> ProcessResult:
    """Run `argv` in `folder` with exactly `env`; returns once all its processes are gone.

    `before` is what the folder holds, where that is known already; `inherits` are descriptors of
    ours that it is given.

    Raises CannotStart for a command that is missing or no program, CannotEnd for processes that
    survive being killed, DiskFull where the disk under `folder` is full, and not of what they may
    not write. Any other exception, Ctrl-C too, leaves after everything has ended.
    """
    command = bounded(argv, folder=folder, env=env, largest_file=limits.output)
    with adopting() as adopts, ExitStack() as undo:
        tree = ProcessTree(adopts)
        growth = FolderGrowth(folder, limits.output, before)
        memory = TreeMemory(tree, limits.memory)
        started = time.monotonic()
        with uninterrupted():
            child = Child(launch(command, folder=folder, env=env, inherits=inherits))
            tree.claim(child.pid)
            undo.callback(_end, child, tree)
        disk = DiskSpace(folder)
        meters = (memory, growth, DeletedFiles(tree, limits.output), disk)
        stop, full = None, None
        try:
            with listening():
                stop = _watch(child, limits, started + limits.seconds, meters)
        except DiskFull as error:
            full = error
        tree.polite = full is None and (stop is None or stop.limit == "timeout")
        leftovers = 0 if stop or full else tree.linger(COURTESY)
        # Not before: a child that works on while it may would not be counted.
        seconds = time.monotonic() - started
    stops = (stop, growth.final(), _too_much(child, limits), memory.note(child.peak))
    stop = next(filter(None, stops), None)
    if stop is None and (full := full or disk.full()):
        stop = growth.reserved()
        if stop is None:
            raise full
    return ProcessResult(
        code=None if stop else child.code,
        stopped=stop.limit if stop else "",
        seconds=seconds,
        peak_memory=memory.peak,
        written=growth.written,
        log=child.log.text(),
        printed=child.log.total,
        leftovers=leftovers,
        reason=stop.reason if stop else "",
        left=growth.left,
    )


def _watch(child: Child, limits: Limits, deadline: float, meters: Sequence[Meter]) -> Stop | None:
    while not child.wait(min(deadline, *(meter.due for meter in meters)) - time.monotonic()):
        now = time.monotonic()
        if now >= deadline:
            return Stop("timeout", f"ran past {limits.seconds:g} s")
        checks = [meter.check() for meter in meters if meter.due <= now]
        if stop := next(filter(None, (_printed_too_much(child, limits), *checks)), None):
            return stop
    return None


def _end(child: Child, tree: ProcessTree) -> None:
    with uninterrupted():
        if tree.polite and not child.ended:
            tree.ask()
            until = time.monotonic() + GRACE
            while not child.wait(until - time.monotonic()) and time.monotonic() < until:
                pass
        tree.end()
        child.close()


def _printed_too_much(child: Child, limits: Limits) -> Stop | None:
    if child.log.total > limits.output:
        return Stop("output", over("printed", child.log.total, limits.output))
    return None


def _too_much(child: Child, limits: Limits) -> Stop | None:
    """Output that only shows once the command has ended."""
    # A shell reports a signal as 128 and its number; Python ignores SIGXFSZ and gets EFBIG.
    refused = child.code in (-signal.SIGXFSZ, 128 + signal.SIGXFSZ) or (
        child.code != 0 and os.strerror(errno.EFBIG).encode() in child.log.text()
    )
    if refused:
        return Stop("output", f"wrote a file over the {size(limits.output)} allowed")
    return _printed_too_much(child, limits)
