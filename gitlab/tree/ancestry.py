"""How nodes grew from each other: who descends from the present base, and who has children."""

from bisect import insort
from collections.abc import Iterable

from .node_text import Stub


class Growth:
    """The shape of a tree, without what its nodes hold."""

    def __init__(self, stubs: Iterable[tuple[int, Stub]], base: str) -> None:
        self.rooted = set[int]()
        """The nodes that descend from the base."""
        self.roots: list[int] = []
        """Those of them that have no parent, in id order."""
        self.children: dict[int, list[int]] = {}
        """The children of each node that has any, in id order."""
        self._base = base
        for node, stub in stubs:
            self.add(node, stub)

    def add(self, node: int, stub: Stub) -> None:
        """Add a node, none of whose children is here yet."""
        if not stub.parents and stub.onto == self._base:
            insort(self.roots, node)
            self.rooted.add(node)
        # A parent is older. Who claims otherwise descends from nobody.
        elif stub.parents and stub.parents[0] < node and stub.parents[0] in self.rooted:
            self.rooted.add(node)
        for parent in stub.parents:
            insort(self.children.setdefault(parent, []), node)
