"""One untrusted command, run under limits so that nothing outlives it."""

from .launch import CannotStart
from .leftovers import held_folder, sweep
from .run import Limits, Ran, run

__all__ = ["CannotStart", "Limits", "Ran", "held_folder", "run", "sweep"]
