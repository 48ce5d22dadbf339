"""One untrusted command, run under limits so that nothing outlives it."""

from .folder_snapshot import Known
from .interrupts import finishing, listening
from .launch import CannotStart
from .leftovers import held_folder, remove, sweep
from .run import Limits, Ran, run
from .subreaper import end_with_parent

__all__ = [
    "CannotStart",
    "Known",
    "Limits",
    "Ran",
    "end_with_parent",
    "finishing",
    "held_folder",
    "listening",
    "remove",
    "run",
    "sweep",
]
