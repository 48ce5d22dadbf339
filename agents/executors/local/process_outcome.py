"""What the end of a trial's process says of the trial, on its own."""

import signal

from ....gitlab.record.facts import Status
from ...trials.outcome import Outcome
from .process import ProcessResult

_STOPPED = {
    "timeout": Status.TIMEOUT,
    "memory": Status.MEMORY,
    "output": Status.OUTPUT,
    "processes": Status.CRASH,
}
_SIGNALLED = 128
"""What a shell, and bubblewrap, add to the number of the signal that ended their child."""


def from_process(result: ProcessResult) -> Outcome:
    """The candidate's outcome as far as its process tells."""
    status, reason = Status.OK, ""
    if result.stopped:
        status, reason = _STOPPED[result.stopped], result.reason
    elif result.code:
        lines = result.log.decode("utf-8", "replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        status = Status.CRASH
        reason = f"{exit_of(result)}: {last}" if last else exit_of(result)
    return Outcome(
        status,
        reason,
        duration=result.seconds,
        peak_memory=result.peak_memory,
        output_bytes=max(result.written, 0),  # who removed more than it wrote has written nothing
        log=result.log,
    )


def evaluator_failure(result: ProcessResult) -> str:
    """Why an evaluator failed, in words that hold nothing it printed; '' where it did not."""
    return result.reason if result.stopped else exit_of(result) if result.code else ""


def exit_of(result: ProcessResult) -> str:
    """`exit 3`, or `killed by SIGKILL`."""
    code = result.code or 0
    number = -code if code < 0 else code - _SIGNALLED
    if number > 0:
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            pass
    return f"killed by signal {number}" if code < 0 else f"exit {code}"
