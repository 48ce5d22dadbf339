"""How a trial ended, and what the end of its process says on its own."""

import signal
from dataclasses import dataclass, field

from ...gitlab.record.facts import Metric, Status
from ..executors.local.process import Ran

_STOPPED = {
    "timeout": Status.TIMEOUT,
    "memory": Status.MEMORY,
    "output": Status.OUTPUT,
    "processes": Status.CRASH,
}
_SIGNALLED = 128
"""What a shell, and bubblewrap, add to the number of the signal that ended their child."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended. `duration` in seconds; `peak_memory` and `output_bytes` in bytes."""

    status: Status
    reason: str = ""
    metrics: tuple[Metric, ...] = ()
    duration: float = 0.0
    peak_memory: int = 0
    output_bytes: int = 0
    log: bytes = field(default=b"", repr=False)


def ended(ran: Ran) -> Outcome:
    """The candidate's outcome as far as its process tells."""
    status = _STOPPED[ran.stopped] if ran.stopped else Status.CRASH if ran.code else Status.OK
    reason = ran.reason if ran.stopped or not ran.code else f"{exit_of(ran)}{_last_line(ran.log)}"
    return Outcome(
        status,
        reason,
        duration=ran.seconds,
        peak_memory=ran.peak_memory,
        output_bytes=ran.written,
        log=ran.log,
    )


def failure(ran: Ran) -> str:
    """Why an evaluator failed, in words that hold nothing it printed; '' where it did not."""
    return ran.reason if ran.stopped else exit_of(ran) if ran.code else ""


def exit_of(ran: Ran) -> str:
    """`exit 3`, or `killed by SIGKILL`."""
    code = ran.code or 0
    number = -code if code < 0 else code - _SIGNALLED
    if number > 0:
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            pass
    return f"killed by signal {number}" if code < 0 else f"exit {code}"


def _last_line(log: bytes) -> str:
    lines = [line.strip() for line in log.decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""
