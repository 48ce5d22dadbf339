"""The lab: opens the research repository, commits actions, moves refs by compare-and-swap.

This module alone writes commits and refs. libgit2 runs no hooks, so every commit passes a check
here: there is no way to commit without one.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ReferenceType, RepositoryOpenFlag

from .change import Change, Check, compare
from .checkout import Checkout
from .errors import AiresearchError, Denied, RefMoved
from .records import Record
from .trees import EMPTY, Entry, edit, find, pick

TASK_FILE = "airesearch.yaml"
BUS = "research"
_NODE_REF = re.compile(r"refs/(?:heads|remotes/origin)/node/(\d{6,})")
_LOCK_WAIT_SECONDS = 10.0


def node_branch(node: int) -> str:
    """`node/000042`: the branch of a node."""
    return f"node/{node:06d}"


class Lab:
    """An open research repository whose trunk is the branch `trunk`."""

    def __init__(self, repo: pygit2.Repository, trunk: str) -> None:
        self.repo = repo
        self.trunk = trunk
        self.notices: list[str] = []
        """What a command should tell the user at its end, in plain sentences."""

    @property
    def home(self) -> Path:
        """Caches and trial folders; whatever is here may be deleted at any time."""
        return Path(self.repo.path).resolve() / "airesearch"

    @property
    def trunk_tip(self) -> pygit2.Oid:
        """The commit trunk points at."""
        for ref in (f"refs/heads/{self.trunk}", f"refs/remotes/origin/{self.trunk}"):
            if (tip := self.tip(ref)) is not None:
                return tip
        raise AiresearchError(
            f"the trunk {self.trunk!r} has no commit here",
            f"fetch it: git fetch origin {self.trunk}",
        )

    def tip(self, ref: str) -> pygit2.Oid | None:
        """The commit a full ref name points at, or None."""
        found = self.repo.references.get(ref)
        return None if found is None else pygit2.Oid(hex=str(found.resolve().target))

    def node_tips(self) -> dict[int, pygit2.Oid]:
        """The tip of each node, in id order; a local branch goes before its remote-tracking one."""
        tips: dict[int, tuple[bool, pygit2.Oid]] = {}
        for ref in self.repo.references.iterator():
            match = _NODE_REF.fullmatch(ref.name)
            if match is None or ref.type != ReferenceType.DIRECT:
                continue
            node, local = int(match[1]), ref.name.startswith("refs/heads/")
            if local or node not in tips:
                tips[node] = (local, pygit2.Oid(hex=str(ref.target)))
        return {node: tips[node][1] for node in sorted(tips)}

    def shown_branch(self, node: int) -> str:
        """The name plain git knows a node by here: `node/000042` or `origin/node/000042`."""
        branch = node_branch(node)
        return branch if self.tip(f"refs/heads/{branch}") else f"origin/{branch}"

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

    def with_bus_of(self, candidate: pygit2.Oid, tree: pygit2.Oid) -> pygit2.Oid:
        """`candidate` with the bus that stands in `tree`."""
        bus = find(self.repo, tree, BUS)
        return candidate if bus is None else edit(self.repo, candidate, {BUS: bus})

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
        self._must_pass(check, compare(self.repo, self.tree_of(parents[-1]), tree))
        author = pygit2.Signature(record.agent, f"{record.agent}@airesearch")
        oid = self.repo.create_commit(None, author, self._committer(), str(record), tree, parents)
        self._move(f"refs/heads/{branch}", None if new else parents[0], oid, record.subject)
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
        self._swap(f"refs/heads/{branch}", parent, oid, message.partition("\n")[0])
        return oid

    def _must_pass(self, check: Check, change: Change) -> None:
        decision = check(change)
        if not decision.allowed:
            raise Denied(decision.reasons)

    def _committer(self) -> pygit2.Signature:
        try:
            return self.repo.default_signature
        except (KeyError, pygit2.GitError, ValueError):
            return pygit2.Signature("airesearch", "airesearch@airesearch")

    def _move(self, ref: str, old: pygit2.Oid | None, new: pygit2.Oid, subject: str) -> None:
        """Point `ref` at `new` if it is still at `old` (None: does not exist)."""
        checkout = Checkout(self.repo, ref)
        self._swap(ref, old, new, subject)
        notice = checkout.follow(new)
        if notice:
            self.notices.append(notice)

    def _swap(self, ref: str, old: pygit2.Oid | None, new: pygit2.Oid, subject: str) -> None:
        deadline = time.monotonic() + _LOCK_WAIT_SECONDS
        while True:
            try:
                with self.repo.transaction() as refs:
                    refs.lock_ref(ref)
                    self._expect(ref, old)
                    refs.set_target(ref, new, message=f"airesearch: {subject}")
                return
            except pygit2.GitError as error:
                if "lock" not in str(error):
                    raise
                if time.monotonic() > deadline:
                    lock = Path(self.repo.path) / f"{ref}.lock"
                    raise AiresearchError(
                        f"{ref} stays locked by another git process",
                        f"if none is running, remove {lock}",
                    ) from error
                time.sleep(0.02)

    def _expect(self, ref: str, old: pygit2.Oid | None) -> None:
        now = self.tip(ref)
        if now is None and old is not None and ref.startswith("refs/heads/"):
            # In a clone, a branch first worked on here starts where the remote has it.
            now = self.tip(ref.replace("refs/heads/", "refs/remotes/origin/", 1))
        if now != old:
            raise RefMoved(f"{ref} is at {now}, not at {old}: another worker moved it")


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
    origin = repo.references.get("refs/remotes/origin/HEAD")
    named = [] if origin is None else [str(origin.target).removeprefix("refs/remotes/origin/")]
    if not repo.head_is_detached:
        named.append(str(repo.references["HEAD"].target).removeprefix("refs/heads/"))
    others = {name.removeprefix("origin/") for name in repo.branches} - set(named)
    for group in (named, sorted(others)):
        holders = [name for name in group if _holds_task(repo, name)]
        if (group is named and holders) or len(holders) == 1:
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
    if branch.startswith("node/"):
        return False
    for ref in (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"):
        found = repo.references.get(ref)
        if found is not None:
            tree = found.peel(pygit2.Commit).tree_id
            return find(repo, tree, TASK_FILE) is not None
    return False
