"""The lab: opens the research repository, commits actions, moves refs by compare-and-swap.

This module alone writes commits and refs. libgit2 runs no hooks, so every commit passes a check
here: there is no way to commit without one.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from ..errors import AiresearchError, RefMoved
from ..events import emit
from ..names import node_branch
from ..reader.git_folder import require_files
from ..reader.grafts import has_grafts
from ..reader.values import Entry as Found
from ..record.parents import compared_parent
from ..record.paths import BUS, TASK_FILE
from ..record.records import Record
from ..record.text import one_line
from ..remote.behind import lagging
from ..remote.publish import Wire
from ..store.change import Check, compare
from ..store.durable import enable, sync
from ..store.refs import branch_tip, common_folder, common_folder_of, places, swap, tip
from ..store.sharing import share
from ..store.trees import EMPTY, Entry, edit, find
from .checkout import checkouts

_BRACKETS = {ord(char): None for char in "<>"}
"""They end a name in a commit."""


class Notices:
    """What a command should tell the user at its end, in plain sentences."""

    def __init__(self) -> None:
        self._sentences: list[str] = []

    def add(self, sentence: str) -> None:
        """Have the user told; nothing where there is nothing to tell."""
        self._sentences += [sentence] if sentence else []

    def take(self) -> tuple[str, ...]:
        """Those that were added since they were last taken."""
        taken = tuple(self._sentences)
        self._sentences.clear()
        return taken


class Lab:
    """An open research repository whose trunk is the branch `trunk`.

    `wire` is where every action is published before it counts here; None keeps them to this clone.
    """

    def __init__(self, repo: pygit2.Repository, trunk: str, wire: Wire | None = None) -> None:
        self.repo = repo
        self.trunk = trunk
        self.wire = wire
        self.notices = Notices()

    @property
    def home(self) -> Path:
        """Caches and trial folders; whatever is here may be deleted at any time."""
        return common_folder(self.repo) / "airesearch"

    @property
    def trunk_tip(self) -> pygit2.Oid:
        """The commit trunk points at."""
        commit = self.tip(self.trunk)
        if commit is None:
            raise AiresearchError(
                f"the trunk, {self.trunk!r}, has no commit here",
                "fetch it, or say which branch it is: git config airesearch.trunk BRANCH",
            )
        return commit

    def tip(self, branch: str) -> pygit2.Oid | None:
        """The commit a branch stands at here, else on a remote, else None."""
        return branch_tip(self.repo, branch)

    def shown_branch(self, node: int) -> str:
        """The name plain git knows a node by here: `node/000042` or `origin/node/000042`."""
        refs = [ref for ref in places(self.repo, node_branch(node)) if tip(self.repo, ref)]
        return refs[0].split("/", 2)[2] if refs else node_branch(node)

    def commit_of(self, oid: pygit2.Oid | str) -> pygit2.Commit:
        """The commit `oid` names."""
        return self.repo[oid].peel(pygit2.Commit)

    def is_on_trunk(self, commit: str) -> bool:
        """Whether trunk goes back to a commit: its own, or a promoted node's."""
        trunk = self.trunk_tip
        return str(trunk) == commit or self.repo.descendant_of(trunk, pygit2.Oid(hex=commit))

    def tree_of(self, commit: pygit2.Oid | str) -> pygit2.Oid:
        """The tree of a commit."""
        return self.commit_of(commit).tree_id

    def first_parents(self, commit: pygit2.Oid | str) -> Iterator[pygit2.Commit]:
        """`commit` and its first-parent ancestors, newest first."""
        ancestor = self.commit_of(commit)
        yield ancestor
        while ancestor.parent_ids:
            ancestor = self.commit_of(ancestor.parent_ids[0])
            yield ancestor

    def without_bus(self, tree: pygit2.Oid) -> pygit2.Oid:
        """All of a tree but the bus."""
        return edit(self.repo, tree, {BUS: None})

    def edited(self, tree: pygit2.Oid, changes: Mapping[str, Found | None]) -> pygit2.Oid:
        """A tree with each path set to what a reader found, or removed where None."""
        if not changes:
            return tree
        entries = {
            path: None if found is None else Entry("", pygit2.Oid(hex=found.oid), found.mode)
            for path, found in changes.items()
        }
        return edit(self.repo, tree, entries)

    def blob(self, data: bytes) -> Entry:
        """`data` stored as a file, ready to be placed in a tree."""
        return Entry("", self.repo.create_blob(data), int(FileMode.BLOB))

    def commit(
        self,
        branch: str,
        record: Record,
        tree: pygit2.Oid,
        parents: Sequence[pygit2.Oid | str],
        *,
        check: Check,
        new: bool = False,
        before: pygit2.Oid | None = None,
    ) -> str:
        """Commit `record` on `branch` if `check` allows its change: see `compared_parent`.

        Or its change to the tree `before`, where that is given.

        The branch must stand at the first parent, or not exist where it is `new`. Raises Denied
        with every reason, or RefMoved when another worker was first; nothing moves then. The
        new commit, in hex.
        """
        emit(f"{record.action}: before commit", record.node)
        if before is None:
            before = self.tree_of(compared_parent(record, parents))
        check(compare(self.repo, before, tree)).require()
        author = pygit2.Signature(record.agent, f"{record.agent}@airesearch")
        onto = [pygit2.Oid(hex=str(parent)) for parent in parents]
        committer = self._committer_after(onto)
        oid = self.repo.create_commit(None, author, committer, str(record), tree, onto)
        emit(f"{record.action}: object written", record.node)
        self._move(branch, None if new else onto[0], oid, record.subject)
        emit(f"{record.action}: ref moved", record.node)
        return str(oid)

    def plain_commit(
        self, branch: str, message: str, tree: pygit2.Oid, parent: pygit2.Oid | None, check: Check
    ) -> pygit2.Oid:
        """Commit a change that is no agent's action: what `init` adds, in the user's name.

        The checkout is the caller's to bring along.
        """
        before = EMPTY if parent is None else self.tree_of(parent)
        check(compare(self.repo, before, tree)).require()
        me = self._committer()
        parents = [] if parent is None else [parent]
        oid = self.repo.create_commit(None, me, me, message, tree, parents)
        swap(self.repo, branch, parent, oid, me, message.partition("\n")[0])
        # `git init` syncs nothing, and may have been a moment ago.
        sync(*(common_folder(self.repo) / name for name in ("HEAD", "config", "")))
        return oid

    def _committer(self) -> pygit2.Signature:
        """The machine's git identity, now."""
        return pygit2.Signature(*self._identity)

    def _committer_after(self, parents: Sequence[pygit2.Oid]) -> pygit2.Signature:
        """The same, but never before the records that it rests on: clocks differ, and are set."""
        now = self._committer()
        commits = map(self.commit_of, (*parents, self.trunk_tip))
        # As bytes: a person's commit may name an encoding that nobody knows.
        records = [c.commit_time for c in commits if c.author.raw_email.endswith(b"@airesearch")]
        return pygit2.Signature(now.name, now.email, max([now.time, *records]), now.offset)

    @cached_property
    def _identity(self) -> tuple[str, str]:
        """Name and email from git's variables or its configuration, else our own.

        Without what would end them, and without letters that are in no UTF-8.
        """
        config = self.repo.config
        name, email = (
            os.environ.get(f"GIT_COMMITTER_{part.upper()}")
            or (str(config[f"user.{part}"]) if f"user.{part}" in config else "")
            for part in ("name", "email")
        )
        name, email = (one_line(part.translate(_BRACKETS)) for part in (name, email))
        return (name, email) if name and email else ("airesearch", "airesearch@airesearch")

    def fetch(self) -> None:
        """Where actions are published: see what others published; branches here follow."""
        if self.wire is None:
            return
        self.wire.fetch(self.trunk)
        for branch in lagging(self.repo, self.wire.remote, self.trunk):
            with suppress(RefMoved):  # another worker of this clone does the same
                self._move_here(branch.name, branch.here, branch.there, "as published")

    def catch_up(self) -> None:
        """Bring along the checkouts of the trunk that were left behind and are clean by now."""
        with checkouts(self.repo, self.trunk) as on_trunk:
            for checkout in on_trunk:
                if checkout.is_behind:
                    self.notices.add(checkout.follow(self.trunk_tip))

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
        with checkouts(self.repo, branch) as on_branch:
            for checkout in on_branch:
                checkout.prepare()
            swap(self.repo, branch, old, new, self._committer(), subject)
            for checkout in on_branch:
                self.notices.add(checkout.follow(new))


def open_lab(start: Path, *, publish: bool = False) -> Lab:
    """The lab `start` lies in; what is done in it is published on `origin` where that is asked for.

    Raises AiresearchError with the mend where there is no lab, or no such remote.
    """
    repo = open_repository(start)
    if repo.is_shallow:
        raise AiresearchError(
            "this clone is shallow, and the history is the record",
            "fetch all of it: git fetch --unshallow origin '+refs/heads/*:refs/remotes/origin/*'",
        )
    return Lab(repo, _trunk(repo), Wire(repo) if publish else None)


def open_repository(start: Path) -> pygit2.Repository:
    """The git repository `start` lies in."""
    enable()
    if not start.is_dir():
        raise AiresearchError(f"{start} is not a folder", "name the folder of a lab")
    try:
        place = pygit2.discover_repository(str(start))
    except (KeyError, pygit2.GitError) as error:
        raise AiresearchError(f"cannot open a git repository at {start}: {error}") from error
    if place is None:
        raise AiresearchError(
            f"{start} is not in a git repository",
            "start a lab: airesearch init --example digits, or `git init` and commit your code, "
            "then airesearch init",
        )
    home = common_folder_of(place)
    require_files(home)
    if has_grafts(home):
        raise AiresearchError(
            "info/grafts tells other parents than the commits do, and the history is the record",
            f"remove it: rm {home / 'info' / 'grafts'}",
        )
    # Not by its git folder: that knows nothing of a checkout that it does not lie in.
    repo = pygit2.Repository(str(start))
    share(repo)
    return repo


def _trunk(repo: pygit2.Repository) -> str:
    """The trunk: set by `init` in git's config, else the branch that holds a task."""
    if "airesearch.trunk" in repo.config:
        return str(repo.config["airesearch.trunk"])
    likely = []  # the branch a clone was given, then the one checked out
    for head in places(repo, "HEAD")[1:]:
        reference = repo.references.get(head)
        if reference is not None and isinstance(reference.target, str):
            likely.append(reference.target.removeprefix(head.removesuffix("HEAD")))
    if not repo.head_is_detached:
        likely.append(str(repo.references["HEAD"].target).removeprefix("refs/heads/"))
    for name in likely:
        if _holds_task(repo, name):
            return name
    remotes = [f"{name}/" for name in filter(None, repo.remotes.names())]
    names = {
        next((name.removeprefix(remote) for remote in remotes if name.startswith(remote)), name)
        for name in repo.branches
    }
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


def _holds_task(repo: pygit2.Repository, branch: str) -> bool:
    commit = None if branch.startswith("node/") else branch_tip(repo, branch)
    if commit is None:
        return False
    return find(repo, repo[commit].peel(pygit2.Tree).id, TASK_FILE) is not None
