"""The executors there are, by the name that the record has for each."""

from collections.abc import Callable, Mapping

from ...gitlab.lab.lab import Lab
from ...policies.task.task import Task
from .base import Executor
from .local.executor import LocalExecutor
from .trial_semaphore import TrialSemaphore

EXECUTORS: Mapping[
    str, Callable[[Lab, Task, Mapping[str, str], TrialSemaphore | None], Executor]
] = {"local": LocalExecutor}


def make_executor(
    lab: Lab,
    task: Task,
    variables: Mapping[str, str],
    semaphore: TrialSemaphore | None = None,
) -> Executor:
    """The executor of a task's trials; they inherit a part of the environment `variables`.

    `semaphore` is passed by trials where workers of one command share it.
    """
    return EXECUTORS["local"](lab, task, variables, semaphore)
