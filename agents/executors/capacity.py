"""What a machine has room for: the slots its trials share."""

import os

from ...gitlab.lab.lab import Lab
from ...policies.task.task import MIB, Task
from .slots import Slots


def slots_for(lab: Lab, task: Task) -> Slots | None:
    """The slots of this machine for trials of `task`; None where workers alone limit them."""
    if task.resources is None and not task.is_timing:
        return None
    folder = lab.home / "slots"
    if task.resources is None:
        return Slots(folder, 1)
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    fitting = min((ours or 1) // task.resources.cpus, memory_mb // task.budget.trial_memory_mb)
    gpus = task.resources.gpus
    # What does not fit at all runs by itself: the task's limits say so when it fails.
    return Slots(folder, max(1, fitting), gpus[: max(1, fitting)] if gpus else ())
