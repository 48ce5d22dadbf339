"""The nodes that a worker holds while a step lasts, each by a lease."""

import secrets
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from ...gitlab.errors import AiresearchError, NothingToDo
from ...gitlab.lab.lab import Lab
from ...gitlab.leases.lease import Held, claim, clock, held, leased, live, release
from ...gitlab.leases.remote_lease import RemoteLeases
from ...gitlab.names import node_branch

_WORKER = secrets.token_hex(8)


RACES = 100
"""How often another worker may be first before that is an error; each time is decided anew."""


def beaten() -> AiresearchError:
    """The error where it was first every time."""
    return AiresearchError("another worker was first a hundred times over", "run the step again")


class Busy(Exception):
    """Other workers are at all that can be done now."""


class Leases:
    """The nodes that this worker has taken; all are free again when it is closed.

    But for an id whose node is not there yet: that lease is left, as by a killed worker, and this
    worker's next step fills the gap, or another's. So it is where people changed the rules while
    it was proposed, since others may have made nodes of later ids by then. Where there is nothing
    left to do it is free as well: nobody else has a later one.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._open = ExitStack()
        self._mine: dict[int, Held] = {}
        self._far: RemoteLeases | None = None
        if lab.wire is not None:
            self._far = self._open.enter_context(RemoteLeases(lab.wire, lab.notices.add))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, NothingToDo):
            for node, lease in self._mine.items():
                if self._lab.tip(node_branch(node)) is None:
                    lease.leave()
                    if self._far is not None:
                        self._far.leave(node)
        self._mine.clear()
        self._open.close()

    def take(self, node: int) -> bool:
        """Whether the node is ours now; not where another worker is at it."""
        if node in self._mine:
            return True
        now = clock(self._lab.repo)
        lease = claim(self._lab.repo, node, _WORKER, now)
        if lease is None:
            return False
        if self._far is not None and not self._far.take(lease, now):
            release(self._lab.repo, lease)
            return False
        self._mine[node] = self._open.enter_context(held(self._lab.repo, lease))
        return True

    def taken(self) -> frozenset[int]:
        """The nodes that some worker has taken, alive or dead."""
        return leased(self._lab.repo)

    def others(self) -> frozenset[int]:
        """The nodes that other workers are at."""
        now = clock(self._lab.repo)
        # What this worker left is its own again.
        far = frozenset[int]() if self._far is None else self._far.live(now, besides=_WORKER)
        return live(self._lab.repo, now, besides=_WORKER) | far
