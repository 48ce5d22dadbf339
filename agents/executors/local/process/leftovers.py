"""The folders of trials: held while their worker lives, swept once it is dead."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from .....gitlab.store.file_lock import lock_handle
from .interrupts import uninterrupted

_BEING_MADE = 60.0
"""Seconds after which a folder without its name yet was left by a killed worker."""


@contextmanager
def locked_tempdir(folder: Path) -> Iterator[Path]:
    """Make `folder` for as long as this is open; a lock that dies with us says that we live."""
    # Locked before it has the name that a reap_orphans looks for.
    fresh = folder.with_name(f".{folder.name}")
    fresh.mkdir(parents=True)
    handle = os.open(fresh, os.O_RDONLY | os.O_DIRECTORY)
    try:
        lock_handle(handle)
        fresh.rename(folder)
        yield folder
    finally:
        with uninterrupted():
            remove(folder)
            os.close(handle)


def reap_orphans(folders: Path) -> None:
    """End what a killed worker's trials left running, and remove their folders."""
    for folder in folders.glob("*"):
        with suppress(FileNotFoundError, NotADirectoryError):
            being_made = time.time() - folder.stat().st_mtime < _BEING_MADE
            if folder.name.startswith(".") and being_made:
                continue
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                if lock_handle(handle, patience=0):
                    _kill_all_in(folder)
                    remove(folder)
            finally:
                os.close(handle)


def remove(folder: Path) -> None:
    """Remove a folder whatever rights were taken from what is in it."""

    def open_up(_: object, path: str, __: object) -> None:
        closed = Path(path)
        closed.parent.chmod(0o700)
        if closed.is_dir() and not closed.is_symlink():
            closed.chmod(0o700)
            shutil.rmtree(closed)
        else:
            closed.unlink(missing_ok=True)

    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)  # a pipe, say, which to open would be to wait at
    else:
        try:
            shutil.rmtree(folder, onerror=open_up)
        except (OSError, RecursionError):  # deeper than it can recurse, or than we have handles
            subprocess.run(["rm", "-rf", "--", folder], capture_output=True, check=False)


def _kill_all_in(folder: Path) -> None:
    """Kill the processes that run in `folder`, or were given it for their files."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            given = process.environ()
            places = filter(None, (process.cwd(), given.get("HOME"), given.get("TMPDIR")))
            if any(Path(place).is_relative_to(folder) for place in places):
                process.send_signal(signal.SIGKILL)
                process.wait(5)
