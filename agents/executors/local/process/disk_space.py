"""Whether the disk a trial writes to is full: what programs come to then says nothing of them.

Many do not even notice. A Python script that leaves a file to be closed at its end exits with 0.
"""

import errno
import os
import time
from pathlib import Path

from .limits import Pace, Stop

_LEAST = 1 << 16
"""Bytes; with less, a file of any size may be cut short."""


class Room:
    """Looks whether there is room in `folder`; raises OSError, as a write would, where not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pace = Pace(first=0.05, most=0.5)

    @property
    def due(self) -> float:
        """When to look again."""
        return self._pace.due

    def check(self) -> Stop | None:
        """Look. A full disk is nobody's limit: it stops no trial, it ends all work."""
        started = time.monotonic()
        facts = os.statvfs(self._folder)
        # Some file systems do not count files, and say there are none at all.
        if facts.f_bavail * facts.f_frsize < _LEAST or (facts.f_files and not facts.f_favail):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._pace.done(started)
        return None
