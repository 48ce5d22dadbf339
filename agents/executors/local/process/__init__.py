"""One untrusted command, run under limits so that nothing outlives it."""

from .folder_snapshot import FolderSnapshot
from .interrupts import finishing, listening
from .launch import CannotStart
from .leftovers import locked_tempdir, reap_orphans, remove
from .run import Limits, ProcessResult, run
from .subreaper import end_with_parent

__all__ = [
    "CannotStart",
    "FolderSnapshot",
    "Limits",
    "ProcessResult",
    "end_with_parent",
    "finishing",
    "listening",
    "locked_tempdir",
    "reap_orphans",
    "remove",
    "run",
]
