"""How many of a process's forks run a trial at a time, where more of them are at work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from .local.process import listening


class TrialSemaphore:
    """A pipe that holds a byte for each that may pass: to wait at it costs nothing.

    Who is killed inside takes the byte along.
    """

    def __init__(self, places: int) -> None:
        self._out, self._in = os.pipe()
        self.open(places)

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Hold a place for as long as this is open; Ctrl-C ends the wait for it."""
        with listening():
            os.read(self._out, 1)
        try:
            yield
        finally:
            self.open(1)

    def open(self, places: int) -> None:
        """So many more may pass."""
        os.write(self._in, bytes(places))

    def close(self) -> None:
        """Nobody of this process passes any more."""
        os.close(self._out)
        os.close(self._in)
