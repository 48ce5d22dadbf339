"""Whether the disk a trial writes to is full: what programs come to then says nothing of them.

Many do not even notice. A Python script that leaves a file to be closed at its end exits with 0.
"""

import os
from pathlib import Path

from ....base import DiskFull
from .limits import Meter, Stop

_LEAST = 1 << 16
"""Bytes; with less, a file of any size may be cut short."""


class DiskSpace(Meter):
    """Looks whether the disk of `folder` has room.

    A full disk is nobody's limit, unless a trial took more of it than it may: it ends all work.
    """

    first, longest = 0.05, 0.5

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def sample(self) -> Stop | None:
        """None where there is room; raises DiskFull where there is not."""
        if full := self.full():
            raise full
        return None

    def full(self) -> DiskFull | None:
        """The error, where there is no room."""
        facts = os.statvfs(self._folder)
        # Some file systems do not count files, and say there are none at all.
        if facts.f_bavail * facts.f_frsize < _LEAST or (facts.f_files and not facts.f_favail):
            return DiskFull(
                "no space left on the disk where trials run",
                "free space on the disk, budget.output_mb for each trial at least, and type it "
                "again: nothing recorded is lost",
            )
        return None
