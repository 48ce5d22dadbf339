"""The search tree, derived from refs and commits alone."""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Concatenate, ParamSpec, TypeVar

import pygit2

from ..errors import AiresearchError, RecordError
from ..lab.lab import Lab
from ..leases.holder import this_machine
from ..record.facts import Goal, Status
from ..record.records import Promote, Propose, Record, parse
from .database import Database
from .index import SCHEMA, Branch, Index, Place
from .node import Node, mean, means, values_of
from .node_refs import NodeRefs

__all__ = ["LabTree", "Node", "SearchTree", "load_tree", "mean", "means", "values_of"]

_KEPT = 10_000
"""How many nodes a process keeps that it has looked up."""
_FIRST_PAGE, _PAGE = 20, 500
"""How many nodes are read at once where all are asked for, and may be only the first few."""
_LONG = 2.0
"""Seconds of silence that a person is not left in."""
_P = ParamSpec("_P")
_T = TypeVar("_T")


class SearchTree:
    """Every node, and trunk's promotions since its base: a tree of known nodes, without a lab."""

    def __init__(
        self,
        nodes: Iterable[Node],
        trunk: str,
        base: str,
        promotions: tuple[Promote, ...] = (),
        index: Index | None = None,
    ) -> None:
        self.index = index or Index(Database(None, SCHEMA))
        self.nodes = Nodes(self)
        self.take_trunk(trunk, base, promotions)
        for node in nodes:
            self.put(node)

    def take_trunk(self, trunk: str, base: str, promotions: tuple[Promote, ...]) -> None:
        """Take note of where trunk stands now."""
        self.trunk = trunk
        self.base = base
        """The newest commit of trunk that is no promotion: what the search starts from."""
        self.promotions = promotions
        """Trunk's promotions since the base, oldest first."""
        self.promoted = frozenset(promotion.node for promotion in promotions)
        """The nodes that trunk was promoted to since the base."""

    def put(self, node: Node) -> None:
        """Take a node as it is now."""
        self.index.move([(node.id, (node.tip, Place.PACKED))], "")
        self.index.store([(node.id, node.tip, node)])

    def remove(self, node: int) -> None:
        """Take note that a node has no branch any more."""
        self.index.move([(node, None)], "")

    @property
    def incumbent(self) -> Node | None:
        """The node trunk was last promoted to, None before the first promotion."""
        return self.nodes.get(self.promotions[-1].node) if self.promotions else None

    @property
    def rooted(self) -> "Rooted":
        """The nodes that grew from the present base, in id order: those the search goes on with."""
        return Rooted(self)

    @property
    def root(self) -> Node | None:
        """The baseline of the present base, None before it is proposed."""
        found = self.ask(Index.root, self.base)
        return None if found is None else self.nodes.get(found)

    @property
    def next_id(self) -> int:
        """The first id no branch has taken."""
        last = self.look_up(Index.last)
        return 0 if last is None else last + 1

    @property
    def broken(self) -> Mapping[int, str]:
        """Node branches that could not be read, each with the reason; those looked at so far."""
        return self.look_up(Index.broken)

    def get(self, node: int) -> Node:
        """The node with this id. Raises AiresearchError where there is none."""
        found = self.nodes.get(node)
        if found is not None:
            return found
        last = next(self.nodes.stream(newest_first=True), None)
        known = "there are no nodes yet" if last is None else f"the last one is {last.id}"
        why = self.broken.get(node, known)
        raise AiresearchError(f"no node {node}: {why}", "list them: airesearch log")

    def lineage(self, node: int) -> tuple[Node, ...]:
        """The path from the root to `node`, first parents only."""
        return tuple(self.ancestors(self.get(node)))[::-1]

    def ancestors(self, node: Node) -> Iterator[Node]:
        """`node`, its first parent, and so on to the root."""
        here: Node | None = node
        while here is not None:
            yield here
            parent = here.parents[0] if here.parents else here.id
            here = self.nodes.get(parent) if parent < here.id else None

    def children(self, node: int) -> Sequence[int]:
        """The nodes that were made from this one, in id order."""
        return self.ask(Index.children, node)

    def parents(self) -> Iterator[tuple[int, int | None]]:
        """Every readable node with its first parent, in id order."""
        return self.ask(Index.parents)

    def spent(self) -> tuple[int, float]:
        """All trials of all nodes, and the seconds they took."""
        return self.ask(Index.spent)

    def alike(self, node: Node) -> list[Node]:
        """The older nodes whose trials may answer for this one's.

        They have the same protocol, and the same candidate or program.
        """
        propose = node.propose
        found = (propose.protocol, propose.candidate, propose.program, node.id)
        return self.nodes.those(self.ask(Index.alike, *found))

    # Of the nodes that grew from the present base:

    def is_waiting(self, node: Node) -> bool:
        """Whether the node wants a trial, a verdict or its promotion."""
        # A person's commit may have come in between: what grew before is not promoted over it.
        return node.id in self.rooted and (
            not node.is_settled or (node.is_kept and node.id not in self.promoted)
        )

    def waiting(self) -> list[Node]:
        """The nodes that do, oldest first."""
        found = self.ask(Index.waiting, self.base)
        return self.nodes.those(n for n, kept in found if not kept or n not in self.promoted)

    def newest_change(self) -> Node:
        """The newest node that has a change to go on from, or the baseline."""
        found = self.ask(Index.newest_change, self.base)
        assert found is not None, "there is a baseline"
        return self.nodes[found]

    def failed_leaves(self, how: Sequence[Status], repairs: int) -> Sequence[int]:
        """The nodes that ended as one of `how`, and that nobody went on from, in id order.

        Not those with `repairs` in a row behind them, nor those that changed nothing.
        """
        return self.ask(Index.failed_leaves, self.base, how, repairs)

    def best(self, metric: str, goal: Goal, most: int) -> Sequence[int]:
        """The best nodes that were kept or discarded, the best first."""
        return self.ask(Index.best, self.base, metric, goal, most)

    def extremes(self, metric: str, most: int) -> set[int]:
        """The nodes with the lowest and those with the highest values, so many of each."""
        return self.ask(Index.extremes, self.base, metric, most)

    def measured(self, most: int, *, newest: bool) -> Sequence[int]:
        """The first or the `newest` nodes that have a trial, in id order."""
        return self.ask(Index.measured, self.base, most, newest=newest)

    def proposed_by(self, agent: str, before: int) -> int:
        """How many nodes with a lower id than `before` the agent proposed."""
        return self.ask(Index.proposed_by, self.base, agent, before)

    def replicated(self, trials: int, *, besides: int) -> int:
        """How many nodes have more than so many trials; no baseline, none that was promoted."""
        apart = {besides, *self.promoted}
        return self.ask(Index.replicated, self.base, trials, besides=apart)

    def spread(self, metric: str) -> tuple[float, int]:
        """The squared distances of replicates from the mean of their node, summed.

        And their degrees of freedom: the replicates of each node beyond the first.
        """
        return self.ask(Index.spread, self.base, metric)

    def ask(
        self,
        question: Callable[Concatenate[Index, _P], _T],
        *values: _P.args,
        **named: _P.kwargs,
    ) -> _T:
        """The answer to a question about all nodes, which are read first where they were not."""

        def answer() -> _T:
            self.read_all()
            return question(self.index, *values, **named)

        return self.mended(answer)

    def look_up(
        self,
        question: Callable[Concatenate[Index, _P], _T],
        *values: _P.args,
        **named: _P.kwargs,
    ) -> _T:
        """The answer to one that needs no node to be read."""
        return self.mended(lambda: question(self.index, *values, **named))

    def mended(self, act: Callable[[], _T]) -> _T:
        """What `act` comes to, with another index where something is wrong with this one."""
        return act()

    def read(self, node: int, *, keep: bool) -> Node | None:
        """The node, None where there is none that can be read; to `keep` is to be asked again."""
        return self.index.node(node)

    def read_those(self, nodes: Sequence[int]) -> None:
        """Have these nodes in the index: many at once are less work."""

    def read_all(self) -> None:
        """Have all nodes in the index."""


class Nodes(Mapping[int, Node]):
    """The readable nodes, in id order, each read when it is asked for."""

    def __init__(self, tree: SearchTree) -> None:
        self._tree = tree

    def stream(self, *, newest_first: bool = False) -> Iterator[Node]:
        """The readable nodes one after the other, however many: none is kept."""
        last, most = None, _FIRST_PAGE
        while page := self._tree.look_up(Index.page, last, most, newest_first=newest_first):
            self._tree.read_those(page)
            yield from filter(None, map(self.peek, page))
            last, most = page[-1], _PAGE

    def those(self, ids: Iterable[int]) -> list[Node]:
        """Those of them that are among `ids`."""
        return list(filter(None, map(self.get, ids)))

    def unused(self, first: int, end: int) -> list[int]:
        """The ids from `first` to before `end` that no branch has."""
        return sorted(set(range(first, end)) - self._tree.look_up(Index.taken, first, end))

    def peek(self, node: int) -> Node | None:
        """The node without keeping it, None where it cannot be read."""
        return self._tree.read(node, keep=False)

    def __getitem__(self, node: int) -> Node:
        found = self._tree.read(node, keep=True)
        if found is None:
            raise KeyError(node)
        return found

    def __contains__(self, node: object) -> bool:
        return isinstance(node, int) and self.peek(node) is not None

    def __iter__(self) -> Iterator[int]:
        return (node for node, _ in self._tree.parents())

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Rooted(Mapping[int, Node]):
    """The nodes that grew from the present base of a tree, in id order."""

    def __init__(self, tree: SearchTree) -> None:
        self._tree = tree

    def __getitem__(self, node: int) -> Node:
        if node not in self:
            raise KeyError(node)
        return self._tree.nodes[node]

    def __contains__(self, node: object) -> bool:
        return isinstance(node, int) and self._tree.ask(Index.is_rooted, self._tree.base, node)

    def __iter__(self) -> Iterator[int]:
        return iter(self._tree.ask(Index.rooted, self._tree.base))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True)
class _Trunk:
    """What trunk says: where the search started, and what won since."""

    tip: str
    base: str
    promotions: tuple[Promote, ...]
    winners: Mapping[int, str]
    """The tip that each promoted node had."""


class LabTree(SearchTree):
    """The search tree of a lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._refs = NodeRefs(lab.repo)
        self._known: dict[int, Node] = {}
        """The nodes that were looked up last; none that moved since."""
        self._trunk = now = _read_trunk(lab, None)
        self._followed: tuple[str, _Trunk | None] = ("", None)
        """Of which packed-refs and trunk the index has the branches."""
        host = sha256(this_machine()[0].encode()).hexdigest()[:16]
        database = Database(lab.home / f"index-{host}.sqlite", SCHEMA, lab.notices.add)
        super().__init__((), now.tip, now.base, now.promotions, Index(database))
        self.mended(self._follow)
        if self.broken:
            self.look_up(Index.retry_broken)

    def refresh(self) -> None:
        """See what other workers did; only what moved is read again."""
        self._trunk = now = _read_trunk(self._lab, self._trunk)
        self.take_trunk(now.tip, now.base, now.promotions)
        self.index.database.look()
        self.mended(self._follow)

    @property
    def loose_refs(self) -> int:
        """How many node branches have a file of their own, which takes a look each time."""
        return len(self._refs.loose)

    @property
    def absent(self) -> Mapping[int, str]:
        """Promoted nodes whose branch is not here, each with the tip that trunk's merge holds."""
        return {node: self._trunk.winners[node] for node in self.look_up(Index.absent)}

    @property
    def root(self) -> Node | None:
        """The baseline of the present base, None before it is proposed."""
        # It is among the first: not worth a look at all others.
        while self.mended(lambda: self._read_some(self.index.unread(self.index.root(self.base)))):
            pass
        found = self.look_up(Index.root, self.base)
        return None if found is None else self.nodes.get(found)

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
        start, is_told = time.monotonic(), False
        while self._read_some(self.index.unread(None)):
            if not is_told and time.monotonic() - start > _LONG:
                is_told = True
                print("reading all nodes into an index, once", file=sys.stderr, flush=True)

    def _follow(self) -> None:
        """Have the index say of branches what the refs say."""
        moved = self._refs.look()
        if self._followed != (self._refs.digest, self._trunk):
            # What was loose or absent may be gone, whoever saw it.
            winners = self._trunk.winners
            moved |= self.index.not_packed() | {n for n in winners if not self.index.state(n)}
        if self._followed[0] != self._refs.digest:
            self._known.clear()
        for node in moved:
            self._known.pop(node, None)
        if self._differ(moved) or self.index.digest != self._refs.digest:
            with self.index.database.writing():
                # Once more, now that nobody else writes: none undoes what another saw later.
                moved |= self._refs.look()
                self.index.move(self._differ(moved).items(), self._refs.digest)
        self._followed = (self._refs.digest, self._trunk)

    def _differ(self, moved: set[int]) -> dict[int, Branch | None]:
        """The branches that the index has otherwise: of those that moved, or of all."""
        winners, loose = self._trunk.winners, self._refs.loose
        if self.index.digest == self._refs.digest:
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
        found = [(node, tip, self._from_git(node, tip)) for node, tip in unread]
        if found:
            with self.index.database.writing():
                self.index.store(found)
        return bool(found)

    def _from_git(self, number: int, tip: str) -> Node | str:
        """The node whose branch stands at `tip`, read on from where it stood; or why not."""
        before = self.index.node(number)
        later: list[tuple[str, Record]] = []
        try:
            for commit in self._lab.first_parents(tip):
                if before is not None and str(commit.id) == before.tip:
                    node = before
                    break
                record = parse(commit.message)
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


def load_tree(lab: Lab) -> LabTree:
    """The tree as the refs have it now."""
    return LabTree(lab)


def _read_trunk(lab: Lab, known: _Trunk | None) -> _Trunk:
    """Trunk as it stands now; only what came since `known` is read."""
    trunk = str(lab.trunk_tip)
    if known is not None and known.tip == trunk:
        return known
    promotions: list[Promote] = []
    winners: dict[int, str] = {}
    for commit in lab.first_parents(trunk):
        here = str(commit.id)
        if known is not None and here == known.tip:
            earlier = known
            break
        record = parse(commit.message)
        if not isinstance(record, Promote):
            earlier = _Trunk(here, here, (), {})
            break
        promotions.append(record)
        winners.setdefault(record.node, str(commit.parent_ids[-1]))
    else:
        raise AiresearchError(f"{lab.trunk} has no commit that is not a promotion")
    return _Trunk(
        trunk,
        earlier.base,
        (*earlier.promotions, *reversed(promotions)),
        {**earlier.winners, **winners},
    )
