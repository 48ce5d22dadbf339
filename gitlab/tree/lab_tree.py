"""The search tree of a lab, derived from refs and commits alone."""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

import pygit2

from ..errors import AiresearchError, RecordError
from ..lab.lab import Lab
from ..leases.holder import this_machine
from ..record.records import Promote, Propose, Record, parse
from .database import Database
from .index import SCHEMA, Branch, Index, Place
from .node import Node
from .node_refs import NodeRefs
from .search_tree import SearchTree

_KEPT = 10_000
"""How many nodes a process keeps that it has looked up."""
_FEW = 20
"""So many that moved are read at once: to write them down a second time costs more."""
_LONG = 2.0
"""Seconds of silence that a person is not left in."""
_T = TypeVar("_T")
StartsBase = Callable[[str], bool]
"""Whether a person's commit of the trunk, in hex, changes what is measured."""


@dataclass(frozen=True)
class _Trunk:
    """What trunk says: where the search started, whose rules it follows, and what won since."""

    tip: str
    base: str
    rules: str
    promotions: tuple[Promote, ...]
    winners: Mapping[int, str]
    """The tip that each promoted node had."""


class LabTree(SearchTree):
    """The search tree of a lab."""

    def __init__(self, lab: Lab, starts_base: StartsBase) -> None:
        self._lab = lab
        self._starts_base = starts_base
        self._refs = NodeRefs(lab.repo)
        self._known: dict[int, Node] = {}
        """The nodes that were looked up last; none that moved since."""
        self._trunk = now = _read_trunk(lab, None, starts_base)
        self._followed: tuple[str, _Trunk | None] = ("", None)
        """Of which packed-refs and trunk the index has the branches."""
        host = sha256(this_machine()[0].encode()).hexdigest()[:16]
        database = Database(lab.home / f"index-{host}.sqlite", SCHEMA, lab.notices.add)
        super().__init__((), now.tip, now.base, now.promotions, Index(database), now.rules)
        self.mended(self._follow)
        if self.broken:
            self.mended(self.index.retry_broken)

    def refresh(self) -> None:
        """See what other workers did; only what moved is read again."""
        self._trunk = now = _read_trunk(self._lab, self._trunk, self._starts_base)
        self.take_trunk(now.tip, now.base, now.promotions, now.rules)
        if self.index.database.look():
            self._followed = ("", None)
        self.mended(self._follow)

    @property
    def loose_refs(self) -> int:
        """How many node branches have a file of their own, which takes a look each time."""
        return len(self._refs.loose)

    @property
    def absent(self) -> Mapping[int, str]:
        """Promoted nodes whose branch is not here, each with the tip that trunk's merge holds."""
        return {node: self._trunk.winners[node] for node in self.mended(self.index.absent)}

    @property
    def root(self) -> Node | None:
        """The baseline of the present base, None before it is proposed."""
        # It is among the first: not worth a look at all others.
        root = self.mended(self._find_root)
        return None if root is None else self.nodes.get(root)

    def mended(self, act: Callable[[], _T]) -> _T:
        """What `act` comes to, with another index where something is wrong with this one."""
        while True:
            try:
                if not self._followed[0]:
                    self._follow()
                return act()
            except sqlite3.Error as error:
                self.index.database.mend(error)
                self._followed = ("", None)

    def read(self, node: int, *, keep: bool) -> Node | None:
        """The node, None where there is none that can be read; to `keep` is to be asked again."""
        found = self._known.get(node) or self.mended(lambda: self._read(node))
        if found is not None and keep:
            self._known[node] = found
            if len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return found

    def read_those(self, nodes: Sequence[int]) -> None:
        """Have these nodes in the index: many at once are less work."""
        self.mended(lambda: self._read_some(self.index.unread_among(nodes)))

    def read_all(self) -> None:
        """Have all nodes in the index."""
        if not self.index.has_unread():
            return
        start, is_told = time.monotonic(), False
        while self._read_some(self.index.unread(None)):
            if not is_told and time.monotonic() - start > _LONG:
                is_told = True
                print("reading all nodes into an index, once", file=sys.stderr, flush=True)

    def _find_root(self) -> int | None:
        while self.index.has_unread():
            if not self._read_some(self.index.unread(self.index.root(self.base))):
                break
        return self.index.root(self.base)

    def _follow(self) -> None:
        """Have the index say of branches what the refs say."""
        if self._followed == (self._refs.digest, self._trunk) and not self._refs.may_have_moved():
            return
        # While nobody else writes: none undoes what another saw later.
        with self.index.database.writing():
            seen = self._refs.digest
            moved = self._refs.look()
            if self._followed != (self._refs.digest, self._trunk):
                # What was loose or absent may be gone, whoever saw it.
                winners = self._trunk.winners
                moved |= self.index.not_packed() | {n for n in winners if not self.index.state(n)}
            for node in moved:
                self._known.pop(node, None)
            # Only of the packed-refs that we saw is it known what changed since.
            is_known = self.index.digest in ({seen, self._refs.digest} - {""})
            differ = self._differ(moved if is_known else None)
            if differ or self.index.digest != self._refs.digest:
                self.index.move(differ.items(), self._refs.digest)
                if len(differ) <= _FEW:
                    self.index.store(self._read_from_git(self.index.unread_among([*differ])))
        self._followed = (self._refs.digest, self._trunk)

    def _differ(self, moved: set[int] | None) -> dict[int, Branch | None]:
        """The branches that the index has otherwise: of those that moved, or of all."""
        winners, loose = self._trunk.winners, self._refs.loose
        if moved is not None:
            before = {node: self.index.branch(node) for node in moved}
            tips = {node: self._refs.tip(node) for node in moved}
        else:
            before = dict(self.index.branches())
            tips = {**dict.fromkeys(before), **dict.fromkeys(winners), **self._refs.tips()}
        found: dict[int, Branch | None] = {}
        for node, tip in tips.items():
            branch: Branch | None = None
            if tip is not None:
                branch = (tip, Place.LOOSE if node in loose else Place.PACKED)
            elif node in winners:
                branch = (winners[node], Place.TRUNK)
            if branch != before.get(node):
                found[node] = branch
        return found

    def _read(self, node: int) -> Node | None:
        state = self.index.state(node)
        if state is None or state[1]:
            return None
        tip, said = state
        found = None if said is None else self.index.node(node)
        if found is None:
            return self._take(node, tip, self._from_git(node, tip))
        # The index is no record: what is lost is not shown from it.
        return found if found.tip in self._lab.repo else self._take(node, tip, "its commit is lost")

    def _take(self, node: int, tip: str, found: Node | str) -> Node | None:
        with self.index.database.writing():
            self.index.store([(node, tip, found)])
        return None if isinstance(found, str) else found

    def _read_some(self, unread: Iterable[tuple[int, str]]) -> bool:
        """Read these branches from git; whether there was one."""
        found = self._read_from_git(unread)
        if found:
            with self.index.database.writing():
                self.index.store(found)
        return bool(found)

    def _read_from_git(self, some: Iterable[tuple[int, str]]) -> list[tuple[int, str, Node | str]]:
        return [(node, tip, self._from_git(node, tip)) for node, tip in some]

    def _from_git(self, number: int, tip: str) -> Node | str:
        """The node whose branch stands at `tip`, read on from where it stood; or why not."""
        before = self.index.node(number)
        later: list[tuple[str, Record]] = []
        try:
            for commit in self._lab.first_parents(tip):
                if before is not None and str(commit.id) == before.tip:
                    node = before
                    break
                record = parse(_message(commit))
                if record is None or record.node != number:
                    short = commit.short_id
                    return f"commit {short} on its branch is not of node {number}"
                if isinstance(record, Propose):
                    here = str(commit.id)
                    node = Node(here, str(commit.parent_ids[0]), here, record)
                    break
                later.append((str(commit.id), record))
            else:
                return "its branch has no propose commit"
        except (RecordError, LookupError, ValueError, pygit2.GitError) as error:
            return str(error) or type(error).__name__
        for commit_id, record in reversed(later):
            node = node.with_record(commit_id, record)
        return node


def _message(commit: pygit2.Commit) -> str:
    """What it says, read as the audit reads it: whatever encoding its header names."""
    return commit.raw_message.decode("utf-8", "surrogateescape")


def _read_trunk(lab: Lab, known: _Trunk | None, starts_base: StartsBase) -> _Trunk:
    """Trunk as it stands now; only what came since `known` is read."""
    trunk = str(lab.trunk_tip)
    if known is not None and known.tip == trunk:
        return known
    promotions: list[Promote] = []
    winners: dict[int, str] = {}
    rules = ""
    for commit in lab.first_parents(trunk):
        here = str(commit.id)
        if known is not None and here == known.tip:
            earlier = known
            break
        try:
            record = parse(_message(commit))
        except RecordError:
            record = None  # a person's, whatever it claims; the audit names it
        if isinstance(record, Promote):
            promotions.append(record)
            winners.setdefault(record.node, str(commit.parent_ids[-1]))
            continue
        rules = rules or here
        if starts_base(here):
            earlier = _Trunk(here, here, here, (), {})
            break
    else:
        raise AiresearchError(f"{lab.trunk} has no commit that is not a promotion")
    return _Trunk(
        trunk,
        earlier.base,
        rules or earlier.rules,
        (*earlier.promotions, *reversed(promotions)),
        {**earlier.winners, **winners},
    )
