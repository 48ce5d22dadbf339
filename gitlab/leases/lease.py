"""Leases: which worker is at which node, so that many share a lab and no server is needed.

`refs/airesearch/lease/000042` points at a small JSON blob that says who holds node 42 and until
when. A lease saves double work and guards nothing: every commit is a compare-and-swap, so a worker
that lost its lease while it was stopped can do no harm. Leases are not history. They reach who
shares the repository's folder; `remote_lease` has them on a remote too, for clones that publish.

Whether a holder lives: on its own machine the kernel says so, whatever any clock does; only where
its process is stopped, or hidden, does the deadline count, as it does for another machine's. What
was fetched from a remote may be anybody's word: its deadline counts in any case. All
who share the folder have one clock, that of its file system (`clock`), and no lease is granted for
longer than `LEASE`: a deadline further off was written before that clock was set back, or by
nobody, and is not waited for. Setting that clock can thus cost the leases of other machines, until
their next renewal. Nor is a lease waited for that cannot be read.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from itertools import cycle

import pygit2

from ..errors import AiresearchError, RefMoved
from ..events import emit
from ..names import LEASES, NODE_ID
from ..store.refs import UNREADABLE, common_folder, names_below, remove_ref, swap_ref, target
from ..store.trees import Oid, Repository
from .holder import Holder, this_holder
from .revived_refs import RemovedRefs

LEASE = 120
"""Seconds that a lease is good for; renewed after a third of them."""
_GRAIN = 10
"""Deadlines are multiples of it, so that a worker's claims of short trials share one blob."""
_SLACK = 30
"""Seconds by which a deadline may be further off than a lease is long, before it is nonsense."""
_TURNS = cycle(range(256))
"""Told apart by it are a worker's claims of one node within a grain: `git pack-refs` could else
take the second for the first, which it has packed and prunes."""


@dataclass(frozen=True)
class Lease:
    """A node that a worker holds; `blob` says so in the repository."""

    node: int
    worker: str
    blob: Oid


def lease_ref(node: int, folder: str = LEASES) -> str:
    """The ref of a node's lease."""
    return f"{folder}/{node:06d}"


def claim(repo: Repository, node: int, worker: str, now: float) -> Lease | None:
    """The lease of `node`, which was free or whose holder is dead; None while another lives.

    `worker` is at one node at a time: what its own process left held is its own again. `now` is
    `clock`'s.
    """
    _REMOVED.remove_revived(repo)
    old = target(repo, lease_ref(node))
    if old is not None and is_held(repo, old, now, worker):
        return None
    if old == UNREADABLE:
        with suppress(RefMoved):
            remove_ref(repo, lease_ref(node), old)
        old = None
    emit("claim: before the lease", node)
    granted = _grant(repo, node, worker, old, now)
    emit("claim: after the lease", node)
    return granted


def is_held(
    repo: Repository, blob: Oid, now: float, worker: str = "", *, is_fetched: bool = False
) -> bool:
    """Whether the blob of a lease names a holder who lives, and is not `worker` of this process.

    One that `is_fetched` from a remote is held up to its deadline at most.
    """
    holder = _read(repo, blob)
    if holder is None:
        return False
    lives = holder.runs()
    # What was fetched can name any process of ours that runs: it does not outlast its deadline.
    if lives is None or (lives and is_fetched):
        lives = now < holder.deadline <= now + LEASE + _SLACK
    return lives and holder != this_holder(worker, holder.turn, holder.deadline)


def renew(repo: Repository, lease: Lease, now: float) -> Lease | None:
    """The lease with a new deadline; None where it is lost to another worker, who thought us dead.

    It is no lease any more then, and the work on the node is for nothing.
    """
    return _grant(repo, lease.node, lease.worker, lease.blob, now)


def release(repo: Repository, lease: Lease) -> None:
    """Let go of the node; nothing happens where the lease was lost."""
    emit("release: before", lease.node)
    ref = lease_ref(lease.node)
    with suppress(RefMoved):
        remove_ref(repo, ref, lease.blob)
    _REMOVED.add(repo, ref, lease.blob)
    emit("release: after", lease.node)


def leased(repo: Repository, folder: str = LEASES) -> frozenset[int]:
    """The nodes that have a lease, be its holder alive or dead."""
    return frozenset(int(name) for name in names_below(repo, folder) if NODE_ID.fullmatch(name))


def live(
    repo: Repository, now: float, folder: str = LEASES, *, besides: str = ""
) -> frozenset[int]:
    """The nodes that somebody holds, by the leases below `folder`.

    This process too, but not as the worker `besides`.
    """
    _REMOVED.remove_revived(repo)
    blobs = {node: target(repo, lease_ref(node, folder)) for node in leased(repo, folder)}
    is_fetched = folder != LEASES
    return frozenset(
        node
        for node, blob in blobs.items()
        if blob and is_held(repo, blob, now, besides, is_fetched=is_fetched)
    )


@contextmanager
def held(repo: Repository, lease: Lease) -> "Iterator[Held]":
    """Keep a claimed lease for as long as this is open, then let go of it."""
    kept = Held(repo.path, lease)
    _HEART.keep(kept)
    try:
        yield kept
    finally:
        _HEART.drop(kept)
        last = kept.end()
        # The node is done or left by now: a lease that cannot be removed ends with its process.
        with suppress(AiresearchError, OSError, pygit2.GitError):
            if last is not None:
                release(repo, last)


def clock(repo: Repository) -> float:
    """Unix seconds by the clock of the repository's file system, else by this machine's."""
    hand = common_folder(repo) / "airesearch" / "clock"
    try:
        hand.parent.mkdir(exist_ok=True)
        hand.touch()
        return hand.stat().st_mtime
    except OSError:
        return time.time()


class Held:
    """A lease that is renewed from time to time, until it ends or is lost."""

    def __init__(self, path: str, lease: Lease) -> None:
        self._path = path
        self._lease: Lease | None = lease
        self._lock = threading.Lock()

    def renew(self) -> None:
        """Renew it. Where that fails, on a full disk say, the next time makes up for it."""
        with self._lock, suppress(AiresearchError, OSError, pygit2.GitError):
            if self._lease is not None:
                repo = pygit2.Repository(self._path)  # no two threads may share one
                self._lease = renew(repo, self._lease, clock(repo))

    def end(self) -> Lease | None:
        """The lease as it was last renewed, and will not be again; None where it was lost."""
        with self._lock:
            last, self._lease = self._lease, None
            return last

    def leave(self) -> None:
        """Renew it no more, nor let go of it: it ends with its process, as if that were killed."""
        self.end()


class _Heart:
    """Renews what this process holds, from one thread that is started once.

    To start one for each trial would cost milliseconds on a busy machine, a short trial's own time.
    """

    def __init__(self) -> None:
        self._kept = set[Held]()
        self._thread: threading.Thread | None = None
        os.register_at_fork(after_in_child=self._kept.clear)

    def keep(self, kept: Held) -> None:
        """Renew `kept` at every beat."""
        self._kept.add(kept)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()

    def drop(self, kept: Held) -> None:
        """Renew it no more."""
        self._kept.discard(kept)

    def _beat(self) -> None:
        while True:
            time.sleep(LEASE / 3)
            for kept in tuple(self._kept):
                kept.renew()


_HEART = _Heart()
_REMOVED = RemovedRefs()


def _grant(repo: Repository, node: int, worker: str, old: Oid | None, now: float) -> Lease | None:
    """Write the lease over `old`; None where another worker was first."""
    me = this_holder(worker, next(_TURNS), (int(now + LEASE) // _GRAIN + 1) * _GRAIN)
    blob = repo.create_blob(json.dumps(asdict(me)).encode() + b"\n")
    try:
        swap_ref(repo, lease_ref(node), old, blob, synced=False)
    except RefMoved:
        return None
    return Lease(node, worker, blob)


def _read(repo: Repository, blob: Oid) -> Holder | None:
    """What the blob of a lease says; None where that is nothing."""
    try:
        facts = json.loads(repo.odb.read(blob)[1])
        values = {field.name: facts[field.name] for field in fields(Holder)}
    except (KeyError, TypeError, ValueError, RecursionError, OSError, pygit2.GitError):
        return None
    is_sound = all(type(values[field.name]) is field.type for field in fields(Holder))
    return Holder(**values) if is_sound else None
