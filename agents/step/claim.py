"""Who works on what: the leases a worker holds while a step lasts."""

import secrets
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from ...gitlab.errors import NothingToDo
from ...gitlab.lab.lab import Lab
from ...gitlab.leases.lease import Held, claim, clock, held, leased, live, release
from ...gitlab.leases.remote_lease import FarLeases

_WORKER = secrets.token_hex(8)


class Busy(Exception):
    """Other workers are at all that can be done now."""


class Claims:
    """The nodes that this worker has taken; all are free again when it is closed.

    But for an id that was taken for a new node, where something ends the worker before the node is
    there: that lease is left, as by a killed worker, and whoever is next fills the gap.
    """

    def __init__(self, lab: Lab) -> None:
        self._repo = lab.repo
        self._leases = ExitStack()
        self._mine: dict[int, Held] = {}
        self._unborn: int | None = None
        self._far: FarLeases | None = None
        if lab.wire is not None:
            self._far = self._leases.enter_context(FarLeases(lab.wire, lab.notices.append))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        is_cut_short = kind is not None and not issubclass(kind, (Busy, NothingToDo))
        if is_cut_short and self._unborn is not None:
            self._mine[self._unborn].leave()
        self._unborn = None
        self._mine.clear()
        self._leases.close()

    def take(self, node: int) -> bool:
        """Whether the node is ours now; not where another worker is at it."""
        return node in self._mine or self._take(node)

    def take_new(self, node: int) -> bool:
        """The same for an id without a node, until it is `born`."""
        if not self.take(node):
            return False
        self._unborn = node
        return True

    def born(self) -> None:
        """The node of the id that was taken last is there."""
        self._unborn = None

    def _take(self, node: int) -> bool:
        now = clock(self._repo)
        lease = claim(self._repo, node, _WORKER, now)
        if lease is None:
            return False
        if self._far is not None and not self._far.take(lease, now):
            release(self._repo, lease)
            return False
        self._mine[node] = self._leases.enter_context(held(self._repo, lease))
        return True

    def begun(self) -> frozenset[int]:
        """The nodes that some worker has taken, alive or dead."""
        return leased(self._repo)

    def others(self) -> frozenset[int]:
        """The nodes that other workers are at."""
        now = clock(self._repo)
        far = frozenset[int]() if self._far is None else self._far.live(now)
        return (live(self._repo, now) | far).difference(self._mine)
