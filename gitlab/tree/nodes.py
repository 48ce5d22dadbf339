"""All nodes of a lab by their ids, each read when it is asked for."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Self, TypeVar

from ..record.records import Action
from .node import Node
from .node_reader import UNREADABLE, NodeReader
from .node_text import Stub, stub_of

_T = TypeVar("_T")
_KEPT = 10_000


class Nodes(Mapping[int, Node]):
    """The readable nodes, in id order. The last that were looked up are kept."""

    def __init__(self, reader: NodeReader | None = None) -> None:
        self.broken: dict[int, str] = {}
        """Those that could not be read so far, each with the reason."""
        self._reader = reader
        self._tips: dict[int, str] = {}
        self._ids: list[int] = []
        self._known: dict[int, Node] = {}
        self._before: dict[int, Node] = {}
        """How nodes stood that have moved since, and were not looked up again."""

    @classmethod
    def of(cls, nodes: Mapping[int, Node]) -> Self:
        """Nodes that are known already."""
        found = cls()
        for node in nodes.values():
            found.put(node)
        return found

    def fill(self, tips: Mapping[int, str]) -> None:
        """Take note of where all branches stand, before the first is read."""
        self._tips = dict(tips)
        self._ids = sorted(tips)

    @property
    def last(self) -> int | None:
        """The highest id, be it readable or not."""
        return self._ids[-1] if self._ids else None

    def put(self, node: Node) -> None:
        """Take a node as it is now."""
        self.move(node.id, str(node.tip))
        self.broken.pop(node.id, None)
        self._before.pop(node.id, None)
        self._known[node.id] = node
        if self._reader is not None and node.action is Action.JUDGE:
            self._reader.keep(node)
            self._save_if_due()

    def move(self, node: int, tip: str | None) -> None:
        """Take note that a node's branch stands at `tip`; None where there is none any more."""
        if tip == self._tips.get(node):
            return
        before = self._known.pop(node, None)
        self.broken.pop(node, None)
        if before is not None:
            self._before[node] = before
        if tip is None:
            del self._tips[node]
            del self._ids[bisect_left(self._ids, node)]
            return
        if node not in self._tips:
            insort(self._ids, node)
        self._tips[node] = tip

    def stream(self, *, newest_first: bool = False) -> Iterator[Node]:
        """The readable nodes one after the other, however many: none is kept."""
        return filter(None, map(self.peek, self._ids[:: -1 if newest_first else 1]))

    def unused(self, first: int, end: int) -> Iterator[int]:
        """The ids from `first` to before `end` that no branch has."""
        return (node for node in range(first, end) if node not in self._tips)

    def stubs(self) -> Iterator[tuple[int, Stub]]:
        """Where each readable node stands in the tree, in id order."""
        for node in self._ids[:]:
            stub = self.stub(node)
            if stub is not None:
                yield node, stub

    def stub(self, node: int) -> Stub | None:
        """Where a node stands in the tree; None where it cannot be read."""
        if self._reader is None or node in self._known:
            found = self._known.get(node)
            return None if found is None else stub_of(found)
        return self._read(node, self._reader.stub)

    def peek(self, node: int) -> Node | None:
        """The node without keeping it, None where it cannot be read."""
        if self._reader is None or node in self._known:
            return self._known.get(node)
        before = self._before.pop(node, None)
        return self._read(node, partial(self._reader.read, before=before))

    def save(self) -> None:
        """Put what was read from git into the cache."""
        if self._reader is not None:
            self._reader.cache.save(frozenset(self._tips.values()))

    def __getitem__(self, node: int) -> Node:
        found = self.peek(node)
        if found is None:
            raise KeyError(node)
        self._known[node] = found
        if self._reader is not None and len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        return found

    def __contains__(self, node: object) -> bool:
        return isinstance(node, int) and self.stub(node) is not None

    def __iter__(self) -> Iterator[int]:
        return (node for node, _ in self.stubs())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _read(self, node: int, read: Callable[[int, str], _T]) -> _T | None:
        if node not in self._tips or node in self.broken:
            return None
        try:
            found = read(node, self._tips[node])
        except UNREADABLE as error:
            self.broken[node] = str(error)
            return None
        self._save_if_due()
        return found

    def _save_if_due(self) -> None:
        if self._reader is not None and self._reader.cache.is_due:
            self.save()
