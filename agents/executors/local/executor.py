"""The executor on this machine: a trial runs in the worker that waits for it, and dies with it."""

import secrets
from collections.abc import Mapping
from contextlib import ExitStack

from ....gitlab.lab.lab import Lab
from ....policies.task.task import Task
from ...trials.job import Job
from ...trials.outcome import Outcome
from ..base import Handle, Lost
from ..capacity import slots_for
from ..trial_semaphore import TrialSemaphore
from .process import listening
from .runner import Runner


class LocalExecutor(Runner):
    """Runs each trial once it is its turn and this machine has room for it."""

    name = "local"

    def __init__(
        self,
        lab: Lab,
        task: Task,
        variables: Mapping[str, str],
        semaphore: TrialSemaphore | None = None,
    ) -> None:
        super().__init__(lab, task, variables)
        self._semaphore = semaphore
        self._submitted: dict[Handle, Job] = {}

    def submit(self, job: Job) -> Handle:
        """Accept a job; it is begun when it is waited for."""
        handle = Handle(self.name, secrets.token_hex(8))
        self._submitted[handle] = job
        return handle

    def wait(self, handle: Handle) -> Outcome:
        """Run the job here. Raises Lost where another process, or an earlier wait, had it."""
        job = self._submitted.pop(handle, None)
        if job is None:
            raise Lost("the trial ended with the worker that ran it")
        slots = slots_for(self.lab, self.task)
        with ExitStack() as held:
            if self._semaphore is not None:
                held.enter_context(self._semaphore.passed())
            if slots is None:
                return self.run(job, None)
            with listening():
                slot = held.enter_context(slots.take(alone=self.task.is_timing))
            return self.run(job, slot.gpu)

    def cancel(self, handle: Handle) -> None:
        """Forget a job that was not begun; one that runs ends with the wait for it."""
        self._submitted.pop(handle, None)
