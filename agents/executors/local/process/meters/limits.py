"""What all limits of a trial share: why it was stopped, and how often its use is measured."""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

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


class Meter(ABC):
    """Samples what a trial uses: soon at first, then ever rarer, and at most a tenth of the time.

    `due` is when to sample next, on the monotonic clock.
    """

    first: ClassVar[float]
    """Seconds until the first sample."""
    longest: ClassVar[float]
    """Seconds between samples at most, where they are cheap."""
    is_complete = True
    """Whether the last sample was taken to its end; where not, it goes on as soon as it may."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Sample as often as at the start."""
        self._gap = self.first
        self.due = time.monotonic() + self.first

    def check(self) -> Stop | None:
        """Sample now; why the trial must be stopped, if so."""
        started = time.monotonic()
        stop = self.sample()
        now = time.monotonic()
        self.due = now + 10 * (now - started)
        if self.is_complete:
            self._gap = min(2 * self._gap, self.longest)
            self.due = max(self.due, now + self._gap)
        return stop

    @abstractmethod
    def sample(self) -> Stop | None:
        """Measure; `check` says when to do it again."""
