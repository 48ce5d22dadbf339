"""Locks between processes: files under `flock`, which the kernel frees when their holder ends.

Children that a holder starts as programs do not inherit one; a bare fork does, and keeps it.
"""

import fcntl
import math
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import AiresearchError

_PAUSE = 0.002
"""Seconds between two tries."""


class NoLocks(AiresearchError):
    """The file system cannot lock files."""


@contextmanager
def file_lock(path: Path, *, shared: bool = False, patience: float = math.inf) -> Iterator[bool]:
    """Hold the lock that is the file `path` for as long as this is open, alone or `shared`.

    It yields whether the lock was had within `patience` seconds; with 0 it is tried once. Raises
    NoLocks, and OSError where the file can be neither opened nor made. The file may be deleted at
    any time: who holds it goes on, and somebody else can have the new one.
    """
    until = time.monotonic() + patience
    while True:
        # For writing too: over NFS, flock asks for it.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            is_ours = lock_handle(handle, shared=shared, patience=until - time.monotonic())
            # One that was deleted before it was locked is not the one that others lock.
            if not is_ours or is_at(handle, path):
                yield is_ours
                return
        finally:
            os.close(handle)


@contextmanager
def lock_if_possible(path: Path, *, shared: bool = False, patience: float) -> Iterator[None]:
    """The same, but go on without it where it is not had in time, or the file cannot be made.

    So it is where the folder is not there, the lab is read only or the disk is full. A holder that
    is halted costs others `patience`, not their work.
    """
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(file_lock(path, shared=shared, patience=patience))
        yield


def lock_handle(handle: int, *, shared: bool = False, patience: float = math.inf) -> bool:
    """Lock an open file or folder until it is closed; whether that was done, as in `file_lock`."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, kind if patience == math.inf else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE)
        except OSError as error:
            raise NoLocks(
                f"files cannot be locked here: {error.strerror}",
                "put the lab on a file system that has locks: a local disk, or NFS with its lock "
                "service running",
            ) from error
        else:
            return True


def is_at(handle: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
