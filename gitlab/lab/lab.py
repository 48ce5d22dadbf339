"""The lab: opens the research repository, commits actions, moves refs by compare-and-swap.

This module alone writes commits and refs. libgit2 runs no hooks, so every commit passes a check
here: there is no way to commit without one.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, RepositoryOpenFlag

from ..errors import AiresearchError, Denied, RefMoved
from ..events import emit
from ..record.paths import BUS, TASK_FILE
from ..record.records import Record
from ..remote.behind import lagging
from ..remote.publish import Wire
from ..store.change import Change, Check, compare
from ..store.durable import enable, sync
from ..store.refs import common_folder, node_branch, places, swap, tip
from ..store.trees import EMPTY, Entry, edit, find, pick
from .checkout import checkouts


class Lab:
    """An open research repository whose trunk is the branch `trunk`."""

    def __init__(self, repo: pygit2.Repository, trunk: str) -> None:
        self.repo = repo
        self.trunk = trunk
        self.notices: list[str] = []
        """What a command should tell the user at its end, in plain sentences."""
        self.wire: Wire | None = None
        """Where every action is published before it counts here; None keeps them to this clone."""

    @property
    def home(self) -> Path:
        """Caches and trial folders; whatever is here may be deleted at any time."""
        return common_folder(self.repo) / "airesearch"

    @property
    def trunk_tip(self) -> pygit2.Oid:
        """The commit trunk points at."""
        found = self.tip(self.trunk)
        if found is None:
            raise AiresearchError(
                f"the trunk, {self.trunk!r}, has no commit here",
                "fetch it, or say which branch it is: git config airesearch.trunk BRANCH",
            )
        return found

    def tip(self, branch: str) -> pygit2.Oid | None:
        """The commit a branch stands at here, else on a remote, else None."""
        stands = (tip(self.repo, ref) for ref in places(self.repo, branch))
        return next((oid for oid in stands if oid is not None), None)

    def shown_branch(self, node: int) -> str:
        """The name plain git knows a node by here: `node/000042` or `origin/node/000042`."""
        refs = [ref for ref in places(self.repo, node_branch(node)) if tip(self.repo, ref)]
        return refs[0].split("/", 2)[2] if refs else node_branch(node)

    def commit_of(self, oid: pygit2.Oid) -> pygit2.Commit:
        """The commit `oid` names."""
        return self.repo[oid].peel(pygit2.Commit)

    def tree_of(self, commit: pygit2.Oid) -> pygit2.Oid:
        """The tree of a commit."""
        return self.commit_of(commit).tree_id

    def first_parents(self, commit: pygit2.Oid) -> Iterator[pygit2.Commit]:
        """`commit` and its first-parent ancestors, newest first."""
        here: pygit2.Oid | None = commit
        while here is not None:
            found = self.commit_of(here)
            yield found
            here = found.parent_ids[0] if found.parent_ids else None

    def candidate(self, tree: pygit2.Oid) -> pygit2.Oid:
        """What is measured of a tree: all but the bus."""
        return edit(self.repo, tree, {BUS: None})

    def protocol(self, tree: pygit2.Oid, paths: tuple[str, ...]) -> pygit2.Oid:
        """The tree of the protected `paths` in `tree`: what results must share to compare."""
        return pick(self.repo, tree, paths)

    def blob(self, data: bytes) -> Entry:
        """`data` stored as a file, ready to be placed in a tree."""
        return Entry("", self.repo.create_blob(data), int(FileMode.BLOB))

    def commit(
        self,
        branch: str,
        record: Record,
        tree: pygit2.Oid,
        parents: list[pygit2.Oid],
        *,
        check: Check,
        new: bool = False,
    ) -> pygit2.Oid:
        """Commit `record` on `branch` if `check` allows the change from the last parent's tree.

        The branch must stand at the first parent, or not exist where it is `new`. Raises Denied
        with every reason, or RefMoved when another worker was first; nothing moves then.
        """
        emit(f"{record.action}: before commit", record.node)
        self._must_pass(check, compare(self.repo, self.tree_of(parents[-1]), tree))
        author = pygit2.Signature(record.agent, f"{record.agent}@airesearch")
        oid = self.repo.create_commit(None, author, self._committer(), str(record), tree, parents)
        emit(f"{record.action}: object written", record.node)
        self._move(branch, None if new else parents[0], oid, record.subject)
        emit(f"{record.action}: ref moved", record.node)
        return oid

    def plain_commit(
        self, branch: str, message: str, tree: pygit2.Oid, parent: pygit2.Oid | None, check: Check
    ) -> pygit2.Oid:
        """Commit a change that is no agent's action: what `init` adds, in the user's name.

        The checkout is the caller's to bring along.
        """
        before = EMPTY if parent is None else self.tree_of(parent)
        self._must_pass(check, compare(self.repo, before, tree))
        me = self._committer()
        parents = [] if parent is None else [parent]
        oid = self.repo.create_commit(None, me, me, message, tree, parents)
        self._swap(branch, parent, oid, message.partition("\n")[0])
        # `git init` syncs nothing, and may have been a moment ago.
        sync(*(common_folder(self.repo) / name for name in ("HEAD", "config", "")))
        return oid

    def _must_pass(self, check: Check, change: Change) -> None:
        decision = check(change)
        if not decision.allowed:
            raise Denied(decision.reasons)

    def _committer(self) -> pygit2.Signature:
        """The machine's git identity, from git's variables or its configuration, else our own."""
        config = self.repo.config
        name, email = (
            os.environ.get(f"GIT_COMMITTER_{part.upper()}")
            or (str(config[f"user.{part}"]) if f"user.{part}" in config else "")
            for part in ("name", "email")
        )
        if name and email:
            return pygit2.Signature(name, email)
        return pygit2.Signature("airesearch", "airesearch@airesearch")

    def fetch(self) -> None:
        """Where actions are published: see what others published; branches here follow."""
        if self.wire is None:
            return
        self.wire.fetch(self.trunk)
        for one in lagging(self.repo, self.wire.remote, self.trunk):
            with suppress(RefMoved):  # another worker of this clone does the same
                self._move_here(one.branch, one.here, one.there, "as published")

    def catch_up(self) -> None:
        """Bring along the checkouts of the trunk that were left behind and are clean by now."""
        with checkouts(self.repo, self.trunk) as here:
            behind = [one for one in here if one.is_behind]
            self.notices += [notice for one in behind if (notice := one.follow(self.trunk_tip))]

    def _move(self, branch: str, old: pygit2.Oid | None, new: pygit2.Oid, subject: str) -> None:
        """Point `branch` at `new` if it is still at `old`; published first, where that is done."""
        if self.wire is None:
            self._move_here(branch, old, new, subject)
            return
        ref = f"refs/heads/{branch}"
        self.wire.publish(ref, old, new)
        # A branch that is here on the remote only stands there by now, and needs no other ref.
        if old is not None and tip(self.repo, ref) is not None:
            with suppress(RefMoved):  # another worker of this clone saw it published
                self._move_here(branch, old, new, subject)

    def _move_here(
        self, branch: str, old: pygit2.Oid | None, new: pygit2.Oid, subject: str
    ) -> None:
        """The same in this repository; clean checkouts follow."""
        with checkouts(self.repo, branch) as here:
            for checkout in here:
                checkout.prepare()
            self._swap(branch, old, new, subject)
            self.notices += [notice for one in here if (notice := one.follow(new))]

    def _swap(self, branch: str, old: pygit2.Oid | None, new: pygit2.Oid, subject: str) -> None:
        """Move a branch: what it is to hold is on disk before, and it itself after."""
        sync(common_folder(self.repo) / "objects")
        swap(self.repo, branch, old, new, self._committer(), subject)


def open_lab(start: Path) -> Lab:
    """The lab `start` lies in. Raises AiresearchError with the mend where there is none."""
    repo = open_repository(start)
    if repo.is_shallow:
        raise AiresearchError(
            "this clone is shallow, and the history is the record",
            "fetch all of it: git fetch --unshallow origin '+refs/heads/*:refs/remotes/origin/*'",
        )
    return Lab(repo, _trunk(repo))


def open_repository(start: Path) -> pygit2.Repository:
    """The git repository `start` lies in."""
    enable()
    if not start.is_dir():
        raise AiresearchError(f"{start} is not a folder", "name the folder of a lab")
    try:
        found = pygit2.discover_repository(str(start))
    except (KeyError, pygit2.GitError) as error:
        raise AiresearchError(f"cannot open a git repository at {start}: {error}") from error
    if found is None:
        raise AiresearchError(
            f"{start} is not in a git repository",
            "start a lab: airesearch init --example digits, or `git init` and commit your code, "
            "then airesearch init",
        )
    return pygit2.Repository(found, RepositoryOpenFlag.NO_SEARCH)


def _trunk(repo: pygit2.Repository) -> str:
    """The trunk: set by `init` in git's config, else the branch that holds a task."""
    if "airesearch.trunk" in repo.config:
        return str(repo.config["airesearch.trunk"])
    likely = [name for name in _likely_trunks(repo) if _holds_task(repo, name)]
    if likely:
        return likely[0]
    remotes = tuple(f"{name}/" for name in filter(None, repo.remotes.names()))
    names = {_without_remote(name, remotes) for name in repo.branches}
    holders = [name for name in sorted(names) if _holds_task(repo, name)]
    if len(holders) == 1:
        return holders[0]
    if holders:
        raise AiresearchError(
            f"more than one branch holds {TASK_FILE}: {', '.join(holders)}",
            f"say which is the trunk: git config airesearch.trunk {holders[0]}",
        )
    raise AiresearchError(
        f"no lab here: no branch holds {TASK_FILE}",
        "make this repository a lab: airesearch init",
    )


def _likely_trunks(repo: pygit2.Repository) -> Iterator[str]:
    """The branch a clone was given, then the one checked out."""
    for head in places(repo, "HEAD")[1:]:
        found = repo.references.get(head)
        if found is not None and isinstance(found.target, str):
            yield found.target.removeprefix(head.removesuffix("HEAD"))
    if not repo.head_is_detached:
        yield str(repo.references["HEAD"].target).removeprefix("refs/heads/")


def _without_remote(name: str, remotes: tuple[str, ...]) -> str:
    remote = next((prefix for prefix in remotes if name.startswith(prefix)), "")
    return name.removeprefix(remote)


def _holds_task(repo: pygit2.Repository, branch: str) -> bool:
    if branch.startswith("node/"):
        return False
    found = next(filter(None, (tip(repo, ref) for ref in places(repo, branch))), None)
    return found is not None and find(repo, repo[found].peel(pygit2.Tree).id, TASK_FILE) is not None
