"""Slots of a machine: how many trials run at a time, on which GPU, and when one runs alone.

A slot is a file under `flock`: the kernel frees it when its holder dies, however that is. Children
that a holder starts as programs do not inherit it (Python's handles close in them); a child that is
a bare fork would keep the slot for as long as it lives, so workers must not be forked from one that
holds a slot. The files may be deleted at any time: whoever holds one goes on, and as many more can
start meanwhile.
"""

import math
import shlex
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ...gitlab.errors import AiresearchError
from ...gitlab.store.file_lock import file_lock

_GATE = "gate"
_LONGEST_PAUSE = 0.05


@dataclass(frozen=True)
class Slot:
    """What a trial was given: one of the slots, and its GPU where the task names GPUs."""

    index: int
    gpu: str | None


class NoSlot(AiresearchError):
    """No slot came free in time."""


@dataclass(frozen=True)
class Slots:
    """The slots of this machine: one for each GPU where `gpus` are named, else `count`."""

    folder: Path
    """Where the files are; machines that share it have each their own folder in it."""
    count: int
    """At least one."""
    gpus: tuple[str, ...] = ()

    @contextmanager
    def take(self, *, alone: bool = False, wait: float = math.inf) -> Iterator[Slot]:
        """Hold a slot for as long as this is open; where `alone`, nobody else holds one meanwhile.

        Raises NoSlot after `wait` seconds, and AiresearchError where the files cannot be locked.
        """
        until = time.monotonic() + wait
        with ExitStack() as held:
            yield self._take_all(held, until) if alone else self._take_one(held, until)

    def _take_one(self, held: ExitStack, until: float) -> Slot:
        for _ in _tries(until):
            # Through the gate only to look: who waits, or is halted, must not stand in it.
            with ExitStack() as gate:
                if self._lock(gate, _GATE, shared=True):
                    for index, name in enumerate(self._names):
                        if self._lock(held, name):
                            return Slot(index, self.gpus[index] if self.gpus else None)
        raise NoSlot("no slot came free in time")

    def _take_all(self, held: ExitStack, until: float) -> Slot:
        """Shut the gate, then take slot after slot as each comes free.

        No newcomer passes meanwhile, so who wants to be alone is not starved; and only one at a
        time waits for slots while it holds some, so no two wait for each other.
        """
        with ExitStack() as gate:
            self._wait_for(gate, _GATE, until)
            # Also those of workers that were told of more slots, or others.
            there = {path.name for path in self._home.glob("*-*")}
            for name in sorted({*self._names, *there}):
                self._wait_for(held, name, until)
        return Slot(0, self.gpus[0] if self.gpus else None)

    def _wait_for(self, held: ExitStack, name: str, until: float) -> None:
        if not any(self._lock(held, name) for _ in _tries(until)):
            raise NoSlot("the other trials did not end in time")

    def _lock(self, held: ExitStack, name: str, *, shared: bool = False) -> bool:
        """Lock a file until `held` is closed, if nobody else has it."""
        path = self._home / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as mine:
                if mine.enter_context(file_lock(path, shared=shared, patience=0)):
                    held.push(mine.pop_all())
                    return True
        except FileNotFoundError:  # deleted in between
            pass
        except OSError as error:
            raise AiresearchError(
                f"cannot take a slot: {path}: {error.strerror}",
                f"clear its place: rm -r {shlex.quote(str(self.folder))}",
            ) from error
        return False

    @property
    def _home(self) -> Path:
        return self.folder / f"on-{_file_name(socket.gethostname())}"

    @property
    def _names(self) -> list[str]:
        """The file of each slot. A GPU's is named after it, in whatever order tasks list them."""
        if self.gpus:
            return [f"gpu-{_file_name(gpu)}" for gpu in self.gpus]
        return [f"slot-{index}" for index in range(self.count)]


def _file_name(name: str) -> str:
    return quote(name, safe="", errors="surrogateescape")


def _tries(until: float) -> Iterator[None]:
    """Once at least, then again after ever longer pauses until the time is up."""
    pause = 0.001
    while True:
        yield
        if time.monotonic() >= until:
            return
        time.sleep(min(pause, max(0.0, until - time.monotonic())))
        pause = min(2 * pause, _LONGEST_PAUSE)
