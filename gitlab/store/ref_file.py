"""The file of a ref, written as git does it: under git's lock, whole, and renamed into its place.

libgit2 could do the same, but logs a move before it makes it, as git does. A worker that is halted
in between, for so long that others break its lock, leaves a log of what never was, and to an audit
that looks like a rewritten branch. So here a ref moves first, and is logged after that.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ..errors import AiresearchError, RefMoved
from .durable import sync
from .file_lock import is_at, lock_handle
from .trees import Oid

_WAIT_SECONDS = 10.0
"""A lock is held for as long as a write takes: one that stays was left by a killed process."""
_PAUSE, _LONGEST_PAUSE = 0.001, 0.02
"""Seconds between tries; each is twice as long as the one before."""


def in_the_way(ref: str, why: str) -> AiresearchError:
    """What to raise where another ref is where this one should be."""
    return AiresearchError(
        f"{ref.removeprefix('refs/heads/')} cannot be moved: {why}",
        f"see what is in its way: git for-each-ref {ref.rpartition('/')[0]} '{ref}/**'",
    )


class RefFile:
    """A ref that nobody else writes, because we have its lock."""

    def __init__(self, home: Path, ref: str) -> None:
        self._home = home
        self._ref = ref
        self._path = home / ref
        self._lock_path = home / f"{ref}.lock"
        self._lock = _create_lock(self._lock_path)

    def write(self, new: Oid, *, synced: bool) -> None:
        """Have the ref at `new`, and that on disk where it is to be `synced`.

        Raises RefMoved where the lock is not ours any more: we were halted, and others broke it.
        """
        self._lock.write(f"{new}\n".encode())
        self._lock.flush()
        if synced:
            os.fsync(self._lock.fileno())
        lost = RefMoved(f"the lock of {self._ref} is gone: others took us for dead")
        if not is_at(self._lock.fileno(), self._lock_path):
            raise lost
        try:
            if self._path.is_dir():
                # Git leaves folders behind where refs were.
                for folder, _, _ in os.walk(self._path, topdown=False):
                    os.rmdir(folder)  # noqa: PTH106, os.walk gives names
            self._lock_path.replace(self._path)
        except FileNotFoundError:
            raise lost from None
        except OSError as error:
            if not self._path.is_dir():
                raise
            raise in_the_way(self._ref, str(error.strerror)) from error
        if synced:
            # Each folder above may be new.
            sync(*(self._home / folder for folder in PurePosixPath(self._ref).parents))

    def remove(self) -> None:
        """Have no such file; packed-refs may still name the ref."""
        self._path.unlink(missing_ok=True)

    def release(self) -> None:
        """Let others have it; the lock is gone already where the ref was written."""
        with self._lock:
            if is_at(self._lock.fileno(), self._lock_path):
                self._lock_path.unlink(missing_ok=True)


@contextmanager
def locked(home: Path, ref: str) -> Iterator[RefFile]:
    """The ref below the git folder `home`, to look at and to write while nobody else can.

    Raises AiresearchError where another ref is in its way.
    """
    try:
        file = RefFile(home, ref)
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise in_the_way(ref, str(error.strerror)) from error
    try:
        yield file
    finally:
        file.release()


def _create_lock(lock: Path) -> BinaryIO:
    """The lock's file, made by us; who holds it now is waited for."""
    holder, waited, in_all, pause = None, 0.0, 0.0, _PAUSE
    while True:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            return os.fdopen(os.open(lock, flags, 0o666), "wb")
        except FileNotFoundError:
            # Its folder is new, or git took it for left over as it packed.
            lock.parent.mkdir(parents=True, exist_ok=True)
            continue
        except FileExistsError:
            before, holder = holder, _identity(lock)
        # What counts is how long we slept: no clock, nor how long we were halted ourselves.
        if holder != before:
            waited = 0.0
        elif waited > _WAIT_SECONDS:
            with suppress(FileNotFoundError), lock.open("rb") as file:
                lock_handle(file.fileno())  # one at a time breaks it
                if _identity(lock) == holder:  # and not the next one's, who is alive
                    lock.unlink()
        if in_all > 3 * _WAIT_SECONDS:
            raise AiresearchError(
                f"{lock} is taken again and again", "see which git process does it, and try again"
            )
        time.sleep(pause)
        waited, in_all, pause = waited + pause, in_all + pause, min(2 * pause, _LONGEST_PAUSE)


def _identity(lock: Path) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        facts = lock.stat()
        return facts.st_ino, facts.st_mtime_ns
    return None
