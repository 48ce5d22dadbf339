"""A trial is submitted once: its handle is kept beside it for whoever goes on with its node.

The handle lies in `.git/airesearch/handles/`, and is there before anybody waits. It goes when the
outcome is on the node's branch, so that a worker that is killed at any moment between leaves what
the next one needs to wait for the same job.
"""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from ...gitlab.store.own_file import forget_own, read_own, write_own
from ..trials.job import Job
from ..trials.outcome import Outcome
from .base import Executor, Handle, Lost

_FOLDER = "handles"


def run_trial(executor: Executor, home: Path, job: Job) -> Outcome:
    """The outcome of a job: of the one that was submitted before, else of a new one.

    `home` is the lab's folder of caches. Ctrl-C cancels the job. Raises MachineFailure.
    """
    kept = kept_handle(home, job)
    if kept is not None and kept.executor == executor.name:
        with suppress(Lost):
            return _wait(executor, kept, home, job)
    handle = executor.submit(job)
    note = json.dumps({"job": job.to_json(), "handle": asdict(handle)})
    # Not synced: a power cut that takes the handle has the job run twice, and count once.
    write_own(_file(home, job.label), note.encode())
    return _wait(executor, handle, home, job)


def _wait(executor: Executor, handle: Handle, home: Path, job: Job) -> Outcome:
    try:
        return executor.wait(handle)
    except KeyboardInterrupt:
        executor.cancel(handle)
        forget(home, job.label)
        raise


def kept_handle(home: Path, job: Job) -> Handle | None:
    """The handle of exactly this job; None where there is none that can be read."""
    try:
        kept = json.loads(read_own(_file(home, job.label)))
        return Handle(**kept["handle"]) if kept["job"] == job.to_json() else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def forget(home: Path, label: str) -> None:
    """Remove the handle of a trial: its outcome is recorded, or nobody wants it."""
    forget_own(_file(home, label))


def _file(home: Path, label: str) -> Path:
    return home / _FOLDER / f"{label}.json"
