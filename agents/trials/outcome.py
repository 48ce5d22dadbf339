"""How a trial ended."""

from dataclasses import dataclass, field

from ...gitlab.record.facts import Metric, Status


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
