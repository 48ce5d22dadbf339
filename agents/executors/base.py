"""What an executor is: whatever runs trials, here or elsewhere, for workers that may be killed.

Three kinds of failure are told apart. What the candidate does ends in an `Outcome` with a status
and is recorded. What the machine does, `MachineFailure`, ends the command and is not recorded. What
a proposer does never comes this far.
"""

from dataclasses import dataclass
from typing import Protocol

from ...gitlab.errors import AiresearchError
from ..trials.job import Job
from ..trials.outcome import Outcome


class MachineFailure(AiresearchError):
    """What runs trials cannot: it says nothing of the candidate, and nothing is recorded."""


class DiskFull(MachineFailure):
    """The disk that trials write to has no room left."""


class Lost(MachineFailure):
    """The trial that a handle names was never begun, or ended without an outcome."""


@dataclass(frozen=True)
class Handle:
    """Names a submitted trial, for any worker and for as long as its executor knows of it."""

    executor: str
    """The name of the executor it was submitted to."""
    id: str
    """What that one calls it: a process, a job's number in a queue."""


class Executor(Protocol):
    """Runs trials. Workers submit, keep the handle, and wait."""

    name: str
    """Its name in the record, as the trailer `Executor` and in `EXECUTORS`."""

    @property
    def sandbox(self) -> str:
        """What holds trials to their folder: `bwrap`, `landlock` or `none`."""

    @property
    def evaluator(self) -> str:
        """Who gives the score: `pinned`, or `self-reported` by the candidate."""

    @property
    def environment(self) -> bytes:
        """What `research/environment.json` holds: the machine that trials run on."""

    def prepare(self) -> None:
        """Find out now what is the same for every trial; forks of this process know it then."""

    def submit(self, job: Job) -> Handle:
        """Accept a job. Raises MachineFailure where that is not possible."""

    def wait(self, handle: Handle) -> Outcome:
        """How a submitted job ended. Who waits need not be who submitted.

        Raises Lost where it has to be submitted again, MachineFailure where nothing can run; Ctrl-C
        ends the wait.
        """

    def cancel(self, handle: Handle) -> None:
        """End a job that nobody will wait for; nothing where it has ended or is unknown."""
