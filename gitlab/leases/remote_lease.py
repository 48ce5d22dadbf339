"""Leases on the remote, under the same refs with the same blobs: between clones that publish.

A machine's own clock judges the deadlines of others: one that is off by more than `lease` allows
for costs double work, and nothing else. Some hosts take branches and tags only; there each clone
has its own leases alone, and a worker of another is met at the branch.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import pygit2

from ..errors import AiresearchError, RefMoved, Refused
from ..names import LEASES
from ..remote.publish import Wire
from ..store.refs import target
from ..store.trees import Oid
from .lease import LEASE, Lease, is_held, lease_ref, live

_THEIRS = "refs/airesearch/remote-lease"
"""Where the remote's leases are seen in a clone, once they had to be looked at."""


class RemoteLeases:
    """What a worker holds on the remote for as long as this is open; renewed by a thread."""

    def __init__(self, wire: Wire, tell: Callable[[str], None]) -> None:
        self._wire = wire
        self._tell = tell
        self._held: dict[int, Oid] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        with self._lock:
            for node, blob in self._held.items():
                # Lost to another, or left until its deadline: neither is worth an error.
                with suppress(AiresearchError):
                    self._wire.publish(lease_ref(node), blob, None)
            self._held.clear()

    def take(self, lease: Lease, now: float) -> bool:
        """Whether the node is ours on the remote too; not where another clone's worker has it."""
        if not self._wire.takes_leases:
            return True
        with self._lock:
            try:
                taken = self._publish(lease, now)
            except Refused as refused:
                self._wire.takes_leases = False
                self._tell(
                    f"{refused.what}: workers of other clones may be at the same node now and "
                    "then, and one of them wins"
                )
                return True
            if taken:
                self._held[lease.node] = lease.blob
        if taken and self._thread is None:
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()
        return taken

    def leave(self, node: int) -> None:
        """Renew it no more, nor let go of it: its id is still to be filled, by whoever is next."""
        with self._lock:
            self._held.pop(node, None)

    def live(self, now: float, *, besides: str = "") -> frozenset[int]:
        """The nodes that somebody holds on the remote; not what this process does as `besides`."""
        if not self._wire.takes_leases:
            return frozenset()
        self._wire.mirror(LEASES, _THEIRS)
        return live(self._wire.repo, now, _THEIRS, besides=besides)

    def _publish(self, lease: Lease, now: float) -> bool:
        with suppress(RefMoved):
            self._wire.publish(lease_ref(lease.node), None, lease.blob)
            return True
        self._wire.mirror(LEASES, _THEIRS)
        theirs = target(self._wire.repo, lease_ref(lease.node, _THEIRS))
        if theirs is not None and is_held(
            self._wire.repo, theirs, now, lease.worker, is_fetched=True
        ):
            return False
        with suppress(RefMoved):
            self._wire.publish(lease_ref(lease.node), theirs, lease.blob)
            return True
        return False

    def _beat(self) -> None:
        """Publish what was renewed here. Where that fails, the next time makes up for it."""
        repo = pygit2.Repository(self._wire.repo.path)  # no two threads may share one
        wire = Wire(repo, self._wire.remote)
        while not self._closed.wait(LEASE / 3):
            with self._lock:
                for node, old in tuple(self._held.items()):
                    new = target(repo, lease_ref(node))
                    if new is None or new == old:
                        continue
                    try:
                        wire.publish(lease_ref(node), old, new)
                        self._held[node] = new
                    except RefMoved:
                        del self._held[node]  # somebody thought us dead
                    except (AiresearchError, OSError, pygit2.GitError):
                        pass
