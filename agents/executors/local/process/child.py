"""The main process of a trial: its end and its output, both awaited in one place."""

import math
import os
import resource
import select
import subprocess
import sys

from .capture import Capture
from .proctable import open_pidfd
from .reaper import main_has_ended

CHUNK = 64 * 1024
MAXRSS = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit of getrusage(2)'s ru_maxrss."""
TICK = 0.005
"""Seconds between looks where the system cannot report an end (no pidfd)."""


class Child:
    """A started process; `ended` is set once it has exited, and `log` holds what was printed.

    After `close`: `code`, the exit code or minus a signal's number, and `peak`, the most memory in
    bytes of any one process that it or we waited for, or 0 where that is not known.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._pipe = process.stdout
        self.pid = process.pid
        self.log = Capture()
        self.ended = False
        self.code = 0
        self.peak = 0
        # A new process starts its record at ours, whose memory it was born in.
        self._our_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._process = process
        self._output = self._pipe.fileno()
        os.set_blocking(self._output, False)
        self._exit = open_pidfd(self.pid)
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        if self._exit is not None:
            self._poll.register(self._exit, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Wait for output or the end, at most so long; True once the process has ended."""
        seconds = seconds if self._exit is not None else min(seconds, TICK)
        for descriptor, _ in self._poll.poll(max(0, math.ceil(seconds * 1000))):
            if descriptor == self._exit:
                self.ended = True
            elif not self._read():
                self._poll.unregister(self._output)
        if self._exit is None:
            self.ended = main_has_ended(self.pid)
        return self.ended

    def close(self) -> None:
        """Take in the rest of the output and the exit; call it when every process has ended."""
        # The pipe holds at most a megabyte; a writer that we could not see must not keep us here.
        for _ in range(2 * 2**20 // CHUNK):
            if not self._read():
                break
        _, status, usage = os.wait4(self.pid, 0)
        self.code = self._process.returncode = os.waitstatus_to_exitcode(status)
        # The kernel's figures are approximate, hence the quarter.
        if usage.ru_maxrss > 1.25 * self._our_peak:
            self.peak = usage.ru_maxrss * MAXRSS
        self._pipe.close()
        if self._exit is not None:
            os.close(self._exit)

    def _read(self) -> bool:
        try:
            chunk = os.read(self._output, CHUNK)
        except BlockingIOError:
            return False
        self.log.add(chunk)
        return bool(chunk)
