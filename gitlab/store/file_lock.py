"""Turns that the workers of a lab take: a file in its own folder, which the kernel frees."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_PAUSE = 0.002


@contextmanager
def turn(home: Path, name: str, kind: int, patience: float) -> Iterator[None]:
    """Hold `name` below the git folder `home`, alone (LOCK_EX) or beside others alike (LOCK_SH).

    Who is halted in here is not waited for for more than `patience` seconds: then, as where the
    file cannot be had, it goes on without.
    """
    with ExitStack() as held:
        # No folder of ours, so no other worker; or a lab that is read only, or a disk that is full.
        with suppress(OSError):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            handle = os.open(home / "airesearch" / name, flags, 0o666)
            held.callback(os.close, handle)
            _wait(handle, kind, time.monotonic() + patience)
        yield


def _wait(handle: int, kind: int, until: float) -> None:
    while time.monotonic() < until:
        with suppress(BlockingIOError):
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE)
