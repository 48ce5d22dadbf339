"""What all limits of a trial share: why it was stopped, and how often to look."""

import time
from dataclasses import dataclass
from typing import Literal

Limit = Literal["timeout", "memory", "output", "processes"]


@dataclass(frozen=True)
class Stop:
    """Why a trial does not count: the limit it passed, and one sentence with figures."""

    limit: Limit
    reason: str


def size(count: int) -> str:
    """`16 MB`, or `1,000 bytes` for less than a megabyte (2**20 bytes)."""
    return f"{count >> 20:,} MB" if count >> 20 else f"{count:,} bytes"


def over(verb: str, used: int, allowed: int) -> str:
    """`wrote 17 MB, over the 16 MB allowed`; in bytes where the megabytes are equal."""
    if size(used) == size(allowed):
        return f"{verb} {used:,} bytes, over the {allowed:,} bytes allowed"
    return f"{verb} {size(used)}, over the {size(allowed)} allowed"


class Pace:
    """When to measure: soon at first, then ever rarer, and at most a tenth of the time."""

    def __init__(self, first: float, most: float) -> None:
        self.due = time.monotonic() + first
        self._gap = first
        self._most = most

    def done(self, started: float) -> None:
        """Set the next time, after a measurement that began at `started`."""
        self.paused(started)
        self._gap = min(2 * self._gap, self._most)
        self.due = max(self.due, time.monotonic() + self._gap)

    def paused(self, started: float) -> None:
        """Set the time to go on with a measurement, of which one part began at `started`."""
        now = time.monotonic()
        self.due = now + 10 * (now - started)
