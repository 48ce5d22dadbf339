"""The search tree, derived from refs and commits alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import pygit2

from ..errors import AiresearchError
from ..lab.lab import Lab
from ..record.records import Promote, parse
from .ancestry import Growth
from .index import Key, Ordered, Total
from .node import Node, mean, means, values_of
from .node_reader import NodeReader
from .node_refs import NodeRefs
from .node_text import stub_of
from .nodes import Nodes

__all__ = ["Node", "SearchTree", "load_tree", "mean", "means", "values_of"]


KeyOf = Callable[["SearchTree", Node], Key | None]
"""Gives a node's key, None where it has none.

It may look at the node, whether it is rooted, promoted or has children, and what its ancestors
proposed: what else changes does not bring it along.
"""
TermOf = Callable[["SearchTree", Node], float]
"""Gives a node's term, under the same rule."""


class SearchTree:
    """Every node, and trunk's promotions since its base.

    What is asked of all nodes again and again is counted once and then kept up to date by the nodes
    that change, so that a large tree costs a step no more than a small one.
    """

    def __init__(
        self,
        nodes: Nodes | Mapping[int, Node],
        trunk: pygit2.Oid,
        base: pygit2.Oid,
        promotions: tuple[Promote, ...] = (),
        absent: Mapping[int, pygit2.Oid] | None = None,
    ) -> None:
        self.nodes = nodes if isinstance(nodes, Nodes) else Nodes.of(nodes)
        self.trunk = trunk
        self.base = base
        """The newest commit of trunk that is no promotion: what the search starts from."""
        self.promotions = promotions
        """Trunk's promotions since the base, oldest first."""
        self.absent = absent or {}
        """Promoted nodes whose branch is not here, each with the tip that trunk's merge holds."""
        self._ordered: dict[KeyOf, Ordered] = {}
        self._totals: dict[TermOf, Total] = {}

    @property
    def broken(self) -> Mapping[int, str]:
        """Node branches that could not be read, each with the reason; those looked at so far."""
        return self.nodes.broken

    @property
    def incumbent(self) -> Node | None:
        """The node trunk was last promoted to, None before the first promotion."""
        return self.nodes.get(self.promotions[-1].node) if self.promotions else None

    @cached_property
    def promoted(self) -> frozenset[int]:
        """The nodes that trunk was promoted to since the base."""
        return frozenset(promotion.node for promotion in self.promotions)

    @property
    def next_id(self) -> int:
        """The first id no branch has taken."""
        return 0 if self.nodes.last is None else self.nodes.last + 1

    @property
    def rooted(self) -> Mapping[int, Node]:
        """The nodes that grew from the present base, in id order: those the search goes on with."""
        return _Rooted(self.nodes, self._growth.rooted)

    @property
    def root(self) -> Node | None:
        """The baseline of the present base, None before it is proposed."""
        if "_growth" in vars(self):
            return self.nodes[self._growth.roots[0]] if self._growth.roots else None
        # It is among the first: not worth a look at all others.
        own = (n for n in self.nodes.stream() if not n.parents and n.onto == self.base)
        return next(own, None)

    @property
    def children(self) -> Mapping[int, Sequence[int]]:
        """The children of each node that has any, in id order."""
        return self._growth.children

    def get(self, node: int) -> Node:
        """The node with this id. Raises AiresearchError where there is none."""
        if node in self.nodes:
            return self.nodes[node]
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

    def ordered(self, key_of: KeyOf) -> Ordered:
        """The nodes in the order of their keys."""
        self.count([key_of], [])
        return self._ordered[key_of]

    def total(self, term_of: TermOf) -> float:
        """The sum of a term over all nodes."""
        self.count([], [term_of])
        return self._totals[term_of].value

    def count(self, keys_of: Iterable[KeyOf], terms_of: Iterable[TermOf]) -> None:
        """Have these ready. Each alone would read all nodes anew; together they are read once."""
        keys: dict[KeyOf, dict[int, Key]]
        keys = {key_of: {} for key_of in keys_of if key_of not in self._ordered}
        totals = {term_of: Total() for term_of in terms_of if term_of not in self._totals}
        if not keys and not totals:
            return
        _ = self._growth  # from here on, changes are followed
        for node in self.nodes.stream():
            for key_of, found in keys.items():
                key = key_of(self, node)
                if key is not None:
                    found[node.id] = key
            for term_of, total in totals.items():
                total.put(node.id, term_of(self, node))
        self._ordered.update((key_of, Ordered(found)) for key_of, found in keys.items())
        self._totals.update(totals)

    def put(self, node: Node) -> None:
        """Take a node as it is now."""
        before = self._before(node.id)
        self.nodes.put(node)
        self._recount(node.id, before)

    def move(self, node: int, tip: str | None) -> None:
        """Take note that a node's branch stands at `tip`; None where there is none any more."""
        before = self._before(node)
        self.nodes.move(node, tip)
        self._recount(node, before)

    def take_trunk(
        self, trunk: pygit2.Oid, base: pygit2.Oid, promotions: tuple[Promote, ...]
    ) -> None:
        """Take note of where trunk stands now."""
        known = len(self.promotions)
        goes_on = base == self.base and promotions[:known] == self.promotions
        self.trunk, self.base, self.promotions = trunk, base, promotions
        vars(self).pop("promoted", None)
        if goes_on:
            self._renew(promotion.node for promotion in promotions[known:])
        else:
            self._forget()

    @cached_property
    def _growth(self) -> Growth:
        return Growth(self.nodes.stubs(), str(self.base))

    @property
    def _is_counted(self) -> bool:
        return "_growth" in vars(self)

    def _before(self, node: int) -> Node | None:
        return self.nodes.get(node) if self._is_counted else None

    def _recount(self, node_id: int, before: Node | None) -> None:
        """Bring along what is counted, after a change of one node."""
        if not self._is_counted:
            return
        now = self.nodes.get(node_id)
        if now is not None and before is None and node_id not in self.children:
            self._growth.add(node_id, stub_of(now))
            self._renew((node_id, *now.parents))
        elif now is not None and before is not None and now.proposed == before.proposed:
            self._renew((node_id,))
        elif now is not before:
            # Rewritten, removed, or come after its children: nothing that happens at each step.
            self._forget()

    def _renew(self, changed: Iterable[int]) -> None:
        for node in filter(None, map(self.nodes.get, changed)):
            for key_of, ordered in self._ordered.items():
                ordered.put(node.id, key_of(self, node))
            for term_of, total in self._totals.items():
                total.put(node.id, term_of(self, node))

    def _forget(self) -> None:
        vars(self).pop("_growth", None)
        self._ordered.clear()
        self._totals.clear()


class _Rooted(Mapping[int, Node]):
    def __init__(self, nodes: Nodes, ids: Set[int]) -> None:
        self._nodes = nodes
        self._ids = ids

    def __getitem__(self, node: int) -> Node:
        if node not in self._ids:
            raise KeyError(node)
        return self._nodes[node]

    def __contains__(self, node: object) -> bool:
        return node in self._ids

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._ids))

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(frozen=True)
class _Trunk:
    """What trunk says: where the search started, and what won since."""

    tip: pygit2.Oid
    base: pygit2.Oid
    promotions: tuple[Promote, ...]
    winners: Mapping[int, pygit2.Oid]
    """The tip that each promoted node had."""


class LabTree(SearchTree):
    """The search tree of a lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._refs = NodeRefs(lab.repo)
        self._trunk = _read_trunk(lab, None)
        now = self._trunk
        super().__init__(Nodes(NodeReader(lab)), now.tip, now.base, now.promotions)
        self._refs.look()
        self.nodes.fill(self._refs.tips)
        self._find_absent()

    def refresh(self) -> None:
        """See what other workers did; only what moved is read again."""
        trunk = _read_trunk(self._lab, self._trunk)
        changed = self._refs.look()
        for node in sorted(changed):
            self.move(node, self._refs.tips.get(node))
        if trunk is not self._trunk:
            self._trunk = trunk
            self.take_trunk(trunk.tip, trunk.base, trunk.promotions)
        self._find_absent()

    @property
    def loose_refs(self) -> int:
        """How many node branches have a file of their own, which takes a look each time."""
        return self._refs.loose

    def _find_absent(self) -> None:
        tips = self._refs.tips
        winners = self._trunk.winners.items()
        self.absent = {node: tip for node, tip in winners if node not in tips}
        for node, tip in self.absent.items():
            self.move(node, str(tip))


def load_tree(lab: Lab) -> LabTree:
    """The tree as the refs have it now."""
    return LabTree(lab)


def _read_trunk(lab: Lab, known: _Trunk | None) -> _Trunk:
    """Trunk as it stands now; only what came since `known` is read."""
    trunk = lab.trunk_tip
    if known is not None and known.tip == trunk:
        return known
    promotions: list[Promote] = []
    winners: dict[int, pygit2.Oid] = {}
    for commit in lab.first_parents(trunk):
        if known is not None and commit.id == known.tip:
            earlier = known
            break
        record = parse(commit.message)
        if not isinstance(record, Promote):
            earlier = _Trunk(commit.id, commit.id, (), {})
            break
        promotions.append(record)
        winners.setdefault(record.node, commit.parent_ids[-1])
    else:
        raise AiresearchError(f"{lab.trunk} has no commit that is not a promotion")
    return _Trunk(
        trunk,
        earlier.base,
        (*earlier.promotions, *reversed(promotions)),
        {**earlier.winners, **winners},
    )
