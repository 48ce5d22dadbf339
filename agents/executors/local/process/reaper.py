"""Find every process of a trial and end it, and none that is not the trial's.

The rule: a trial's main process opens a new session, and no process can join a session of another.
So of all our descendants these are not the trial's: those alive before it began, their children,
and every member of a session that one of them, or we, belong to. All others are. A thread of ours
may start programs meanwhile, but not with `start_new_session`: those would count as the trial's.

Orphans stay our descendants while `subreaper.adopting` is open. Where it is not to be had (macOS),
an orphan is known by its session or because it was seen before; one that left the session and its
parent between two looks is missed.
"""

import os
import signal
import time
from contextlib import suppress

from ...base import MachineFailure
from .proctable import LISTS_CHILDREN, Key, Proc, below, kin, look, signal_exactly

PATIENCE = 10.0
"""Seconds that killed processes get to be gone."""


class CannotEnd(MachineFailure):
    """Processes of a trial that are killed and still there: another user's, or stuck in a call."""


class ProcessTree:
    """The processes of one trial. Make it before the main process starts, then `claim` that one."""

    def __init__(self, adopts: bool) -> None:
        self.polite = True
        """Whether they are asked before they are killed; what eats memory or disk is not."""
        self._walks = adopts and LISTS_CHILDREN
        self._main = 0
        self._me = os.getpid()
        self._session = os.getsid(0)
        self._ours: set[Key] = set()
        others = below(self._me) if self._walks else kin(self._me, self._session, ())
        self._others = {proc.key for proc in others}

    def claim(self, main: int) -> None:
        """Name the trial's main process; it must not be waited for before `end` is done."""
        self._main = main

    def living(self) -> list[Proc]:
        """The trial's processes that still run."""
        return [proc for proc in self._left() if not proc.zombie]

    def linger(self, seconds: float) -> int:
        """How many still run after they had so long to end by themselves."""
        until, pause = time.monotonic() + seconds, 0.0005
        while (left := self._left()) and time.monotonic() < until:
            time.sleep(pause)
            pause = min(2 * pause, 0.004)
        return sum(not proc.zombie for proc in left)

    def ask(self) -> None:
        """Ask the main process and its group to end."""
        self._signal_group(signal.SIGTERM)

    def end(self) -> None:
        """Kill all of them and wait until they are gone; raises CannotEnd after `PATIENCE`."""
        give_up, pause = time.monotonic() + PATIENCE, 0.001
        while left := self._left():
            if time.monotonic() > give_up:
                pids = " ".join(str(proc.pid) for proc in left)
                raise CannotEnd(
                    f"{len(left)} processes of the trial were killed and are still there",
                    f"end them, as root if need be: kill -9 {pids}",
                )
            # Stopped first, so that none forks or is replaced by its parent while others are
            # killed. A group is stopped at one instant, which a fork bomb cannot outrun.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                self._signal_group(number)
                for proc in left:
                    if not proc.zombie:
                        signal_exactly(proc, number)
            time.sleep(pause)
            pause = min(2 * pause, 0.02)

    def _signal_group(self, number: signal.Signals) -> None:
        # Safe from reuse of the number: the main process, dead or alive, holds it until waited for.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._main, number)

    def _left(self) -> list[Proc]:
        """The trial's processes; when there are none, there are none.

        One that is found dead is waited for and still listed: it may have died while this looked,
        and its children have then come to us too late to be seen. Only a main process that was
        dead before is left out.
        """
        main = look(self._main)
        settled = main.key if main and main.zombie else None
        left = [proc for proc in self._look() if proc.key != settled]
        for proc in left:
            if proc.zombie and proc.pid != self._main:
                with suppress(ChildProcessError):  # its parent still lives and has to wait
                    os.waitpid(proc.pid, os.WNOHANG)
        # Where orphans are init's, so are their zombies.
        return [proc for proc in left if self._walks or not proc.zombie]

    def _look(self) -> list[Proc]:
        family = below(self._me) if self._walks else kin(self._me, self._main, self._ours)
        others = {proc.pid: proc for proc in family if proc.key in self._others}
        sessions = {self._session, *(proc.session for proc in others.values())}
        for proc in family:
            if proc.parent in others or proc.session in sessions:
                others[proc.pid] = proc
        ours = [proc for proc in family if proc.pid not in others]
        self._others = {proc.key for proc in others.values()}
        self._ours = {proc.key for proc in ours}
        return ours


def main_has_ended(pid: int) -> bool:
    """Whether a child of ours that was not waited for has ended."""
    return (proc := look(pid)) is None or proc.zombie
