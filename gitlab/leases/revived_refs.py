"""Refs that were removed and are there again, because refs were packed in that very moment.

Git reads a ref, writes packed-refs, and does not see that the ref went in between. Workers wait for
each other here (`refs.pack_refs`); a user's `git gc` waits for nobody. A lease that came back would
bar its node for as long as the process lives that had let go of it.
"""

import os
from collections import defaultdict, deque
from contextlib import suppress
from functools import partial
from pathlib import Path

from ..errors import RefMoved
from ..store.refs import common_folder, remove_ref, target
from ..store.trees import Oid, Repository

_REMEMBERED = 256
"""How many refs; none comes back later than a pack takes."""


class RemovedRefs:
    """What this process removed lately."""

    def __init__(self) -> None:
        self._removed = defaultdict[Path, deque[tuple[str, Oid]]](
            partial(deque, maxlen=_REMEMBERED)
        )
        self._packed: dict[Path, tuple[int, int]] = {}

    def add(self, repo: Repository, ref: str, blob: Oid) -> None:
        """Remember a ref that was at `blob` and was removed."""
        self._removed[common_folder(repo)].append((ref, blob))

    def remove_revived(self, repo: Repository) -> None:
        """Remove what came back; costs one look at a file where nothing was packed."""
        home = common_folder(repo)
        try:
            facts = os.stat(home / "packed-refs")  # noqa: PTH116, at each claim
        except FileNotFoundError:
            return
        packed = (facts.st_mtime_ns, facts.st_ino)
        if self._packed.get(home) == packed:
            return
        self._packed[home] = packed
        for ref, blob in tuple(self._removed[home]):
            if target(repo, ref) == blob:
                with suppress(RefMoved):
                    remove_ref(repo, ref, blob)
