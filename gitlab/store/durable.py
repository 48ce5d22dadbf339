"""What is recorded survives a power cut.

libgit2 can sync what it writes: an object and its folder before anything names it, a ref and its
folder before it is announced. Here is the rest: the folders above those, where new ones were made.
macOS keeps what it was told to sync in the drive's own memory for a while.
"""

import os
from pathlib import Path

import pygit2


def enable() -> None:
    """Have libgit2 sync objects, refs and reflogs of the repositories that are opened from now on.

    One that was asked for a ref before goes on without.
    """
    pygit2.settings.enable_fsync_gitdir(True)


def sync(*places: Path) -> None:
    """Have files and folders on disk; those that are not there are passed over."""
    for place in places:
        try:
            handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
