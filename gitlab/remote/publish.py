"""The wire: what is published on a remote, and what is fetched from it.

A ref of the remote moves by compare-and-swap, and a branch only forward: git's name for the first
is `--force-with-lease=REF:OLD`, and the second is checked here. So nothing is ever lost that
another worker published, and no push needs a force.
"""

import re
import time

from ..errors import AiresearchError, RefMoved
from ..store.refs import target
from ..store.trees import Oid, Repository
from .transport import PAUSES, Answer, Transport, is_closed

_REJECTED = re.compile(r"^!\t.*\t\[(?:remote )?rejected\] \((.*)\)$", re.MULTILINE)
_STALE = "stale info"
_PASSING = ("lock", "failed to update ref")
"""What a remote says where another push was at the same ref in that moment."""
_HEADS = "refs/heads/"


class Wire:
    """The remote of a lab that its workers meet at."""

    def __init__(self, repo: Repository, remote: str = "origin") -> None:
        if remote not in repo.remotes.names():
            raise AiresearchError(
                f"there is no remote {remote!r} to publish on",
                f"name it: git remote add {remote} URL",
            )
        self.repo = repo
        self.remote = remote
        self.takes_leases = True
        """Whether it takes refs beside branches and tags, as far as is known."""
        self._git = Transport(repo, remote)

    def fetch(self, trunk: str) -> None:
        """Bring the remote-tracking branches of the trunk and of every node up to date."""
        ours = f"refs/remotes/{self.remote}"
        self._fetch(f"+{_HEADS}{trunk}:{ours}/{trunk}", f"+{_HEADS}node/*:{ours}/node/*")

    def mirror(self, theirs: str, ours: str) -> None:
        """Make the refs below the folder `ours` what the remote has below `theirs`."""
        self._fetch("--prune", f"+{theirs}/*:{ours}/*")

    def publish(self, ref: str, old: Oid | None, new: Oid | None) -> None:
        """Point the remote's `ref` at `new` if it is at `old`; None stands for no such ref.

        Raises RefMoved where it is not at `old`, Refused where the remote takes no such push, and
        AiresearchError where it cannot be reached or lets nobody in.
        """
        is_branch = ref.startswith(_HEADS)
        if is_branch and old is not None:
            grows = new is not None and self.repo.descendant_of(new, old)
            if not grows:
                raise AiresearchError(f"{ref} only grows, and {new} does not descend from {old}")
        with self._git.alone():
            for pause in (*PAUSES, None):
                answer = self._git.run(
                    "push",
                    "--porcelain",
                    "--no-follow-tags",
                    "--recurse-submodules=no",
                    f"--force-with-lease={ref}:{old or ''}",
                    self.remote,
                    f"{new or ''}:{ref}",
                )
                if not answer.returncode or self._moved_anyway(answer, ref, old, new):
                    break
                if pause is None or is_closed(answer):
                    raise self._git.unusable(answer)
                time.sleep(pause)
            # What git does itself, but only for the branches its configuration names.
            tracking = f"refs/remotes/{self.remote}/{ref.removeprefix(_HEADS)}"
            if is_branch and new is not None and target(self.repo, tracking) != new:
                self.repo.references.create(tracking, new, force=True)

    def _moved_anyway(self, answer: Answer, ref: str, old: Oid | None, new: Oid | None) -> bool:
        """Whether the ref moved though git says it failed; False where that may pass."""
        lines = self._git.ask("ls-remote", self.remote, ref).splitlines()
        remote_refs = {name: oid for oid, _, name in (line.partition("\t") for line in lines)}
        now = Oid(hex=remote_refs[ref]) if ref in remote_refs else None
        if now == new:  # it was the answer that did not arrive
            return True
        why = next(iter(_REJECTED.findall(answer.stdout)), "")
        if now != old or why == _STALE:
            raise RefMoved(f"{ref} of {self.remote} is at {now}, not at {old}")
        if why and not any(word in why for word in _PASSING):
            raise self._git.refused(ref, why, answer)
        return False

    def _fetch(self, *words: str) -> None:
        with self._git.alone():
            self._git.ask(
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--recurse-submodules=no",
                self.remote,
                *words,
            )
