"""The search tree: every node, and the questions that are asked of all of them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any, TypeVar

from ..errors import AiresearchError
from ..record.facts import Goal, Status
from ..record.records import Promote
from .database import Database
from .index import LARGEST, SCHEMA, Index, Place
from .ladder import standing
from .node import Node, mean, means, values_of

__all__ = ["Node", "SearchTree", "mean", "means", "values_of"]

_FIRST_PAGE, _PAGE = 20, 500
"""How many nodes are read at once where all are asked for, and may be only the first few."""
_ROOTED = "base = (SELECT id FROM base WHERE oid = ?)"
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
        rules: str | None = None,
    ) -> None:
        self.holds: Callable[[Node], bool] = lambda node: True
        """Whether a node that was promoted meets the bounds that are in force now."""
        self.index = index or Index(Database(None, SCHEMA))
        self.nodes = Nodes(self)
        self.take_trunk(trunk, base, promotions, rules)
        for node in nodes:
            self.put(node)

    def take_trunk(
        self, trunk: str, base: str, promotions: tuple[Promote, ...], rules: str | None = None
    ) -> None:
        """Take note of where trunk stands now."""
        self.trunk = trunk
        self.base = base
        """The newest commit of trunk that changed what is measured: the search starts from it."""
        self.rules = rules or base
        """The newest commit of trunk that is no promotion: who works, and how it is judged."""
        self.promotions = promotions
        """Trunk's promotions since the base, oldest first."""
        self.promoted = standing(promotion.node for promotion in promotions)
        """The nodes that trunk was promoted to since the base, and that stand, the last on top."""

    def put(self, node: Node) -> None:
        """Take a node as it is now."""
        self.index.move([(node.id, (node.tip, Place.PACKED))], "")
        self.index.store([(node.id, node.tip, node)])

    def remove(self, node: int) -> None:
        """Take note that a node has no branch any more."""
        self.index.move([(node, None)], "")

    @property
    def incumbent(self) -> Node | None:
        """The last of the promoted nodes that still holds; None where there is none."""
        for promoted in reversed(self.promoted):
            node = self.nodes.get(promoted)
            if node is None or self.holds(node):
                return node
        return None

    @property
    def rooted(self) -> "Rooted":
        """The nodes that grew from the present base, in id order: those the search goes on with."""
        return Rooted(self)

    @property
    def next_id(self) -> int:
        """The first id no branch has taken."""
        last = self.mended(self.index.last)
        return 0 if last is None else last + 1

    @property
    def broken(self) -> Mapping[int, str]:
        """Node branches that could not be read, each with the reason; those looked at so far."""
        return self.mended(self.index.broken)

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

    @property
    def root(self) -> Node | None:
        """The baseline of the present base, None before it is proposed."""
        root = self.index.root(self.base)
        return None if root is None else self.nodes.get(root)

    def is_waiting(self, node: Node) -> bool:
        """Whether the node wants a trial, a verdict or its promotion."""
        # A person's commit may have come in between: what grew before is not promoted over it.
        return node.id in self.rooted and (
            not node.is_settled or (node.is_kept and node.id not in self.promoted)
        )

    def waiting(self) -> list[Node]:
        """The nodes that do, oldest first."""
        rows = self.rows(
            f"SELECT id, verdict IS 'keep' FROM node WHERE {_ROOTED}"
            " AND (NOT is_settled OR verdict = 'keep') ORDER BY id",
            self.base,
        )
        return self.nodes.those(n for n, is_kept in rows if not is_kept or n not in self.promoted)

    def newest_change(self) -> Node:
        """The newest node that has a change to go on from, or the baseline."""
        sql = f"SELECT id FROM node WHERE {_ROOTED} AND has_change ORDER BY id DESC LIMIT 1"
        (newest,) = self.ids(sql, self.base)
        return self.nodes[newest]

    def failed_leaves(self, how: Sequence[Status], repairs: int) -> Sequence[int]:
        """The nodes that ended as one of `how`, and that nobody went on from, in id order.

        Not those with `repairs` in a row behind them, nor those that changed nothing.
        """
        return self.ids(
            f"SELECT id FROM node WHERE {_ROOTED} AND status <> 'ok' AND has_change AND debugs < ?"
            f" AND status IN ({', '.join('?' * len(how))})"
            " AND NOT EXISTS(SELECT 1 FROM child WHERE parent = node.id) ORDER BY id",
            *(self.base, repairs, *how),
        )

    def best(self, metric: str, goal: Goal, most: int) -> Sequence[int]:
        """The best nodes that did not fail, the best first."""
        order = "" if goal == "minimize" else "DESC"
        return self.ids(
            f"SELECT s.id FROM score s CROSS JOIN node n ON n.id = s.id WHERE s.{_ROOTED}"
            " AND s.metric = ? AND s.value IS NOT NULL"
            " AND n.verdict IN ('keep', 'contend', 'discard')"
            f" ORDER BY s.value {order}, s.id LIMIT ?",
            *(self.base, metric, most),
        )

    def extremes(self, metric: str, most: int, bases: Sequence[str]) -> set[int]:
        """The nodes of some bases with the lowest and those with the highest values.

        So many of each.
        """
        found: set[int] = set()
        for base, order in product(bases, ("", "DESC")):
            sql = f"SELECT id FROM score WHERE {_ROOTED} AND metric = ? AND value IS NOT NULL"
            sql += f" ORDER BY value {order}, id {order} LIMIT ?"
            found.update(self.ids(sql, base, metric, most))
        return found

    def measured(self, most: int, bases: Sequence[str], *, newest: bool) -> Sequence[int]:
        """The first or the `newest` nodes of some bases that have a trial, in id order."""
        order = "DESC" if newest else ""
        sql = f"SELECT id FROM node WHERE {_ROOTED} AND trials > 0 ORDER BY id {order} LIMIT ?"
        found = sorted(node for base in bases for node in self.ids(sql, base, most))
        return found[-most:] if newest else found[:most]

    def bases_like(self, protocol: str) -> list[str]:
        """The bases whose nodes were measured by a protocol, the oldest first."""
        sql = "SELECT oid FROM base JOIN node ON node.base = base.id"
        return [
            str(oid)
            for (oid,) in self.rows(
                f"{sql} WHERE node.parent IS NULL AND node.protocol = ? GROUP BY oid"
                " ORDER BY min(node.id)",
                protocol,
            )
        ]

    def proposed_by(self, agent: str, before: int, *, besides: Sequence[int] = ()) -> int:
        """How many nodes with a lower id than `before` the agent proposed, but for some."""
        # All but the few others: a count of those before takes longer the more there are.
        ((count,),) = self.rows(
            f"SELECT ifnull((SELECT nodes FROM tally WHERE {_ROOTED} AND agent = ?), 0)"
            f" - (SELECT count(*) FROM node WHERE id >= ? AND agent = ? AND +{_ROOTED})"
            f" - (SELECT count(*) FROM node WHERE id IN (SELECT value FROM json_each(?))"
            f" AND id < ? AND agent = ? AND +{_ROOTED})",
            *(self.base, agent, before, agent, self.base),
            *(json.dumps(list(besides)), before, agent, self.base),
        )
        return int(count)

    def replicated(self, trials: int, *, besides: int) -> int:
        """How many nodes have more than so many trials; no baseline, none that was promoted."""
        ((count,),) = self.rows(
            f"SELECT count(*) FROM node WHERE {_ROOTED} AND trials > 1 AND trials > ?"
            " AND parent IS NOT NULL AND id NOT IN (SELECT value FROM json_each(?))",
            *(self.base, trials, json.dumps([besides, *self.promoted])),
        )
        return int(count)

    def unconfirmed(self, metric: str, goal: Goal, most: int) -> Sequence[int]:
        """The best of the nodes that did not fail and that nobody tried to confirm."""
        order = "" if goal == "minimize" else "DESC"
        return self.ids(
            f"SELECT s.id FROM score s CROSS JOIN node n ON n.id = s.id WHERE s.{_ROOTED}"
            " AND s.metric = ? AND s.value IS NOT NULL AND n.place IS NULL"
            " AND n.parent IS NOT NULL AND n.verdict IN ('contend', 'discard')"
            f" ORDER BY s.value {order}, s.id LIMIT ?",
            *(self.base, metric, most),
        )

    def places(self) -> list[tuple[int, int]]:
        """Each node that has a place in the error budget, with it.

        Not those that were ever promoted: they handed it on.
        """
        handed_on = [promotion.node for promotion in self.promotions]
        return self.rows(
            f"SELECT id, place FROM node WHERE {_ROOTED} AND place IS NOT NULL"
            " AND id NOT IN (SELECT value FROM json_each(?))",
            *(self.base, json.dumps(handed_on)),
        )

    def trials_here(self) -> tuple[int, int]:
        """The nodes of the present base, and their trials."""
        sql = f"SELECT ifnull(sum(nodes), 0), ifnull(sum(trials), 0) FROM tally WHERE {_ROOTED}"
        ((nodes, trials),) = self.rows(sql, self.base)
        return int(nodes), int(trials)

    def measured_after(self, node: int) -> int:
        """How many nodes of the present base with a higher id have a trial."""
        sql = f"SELECT count(*) FROM node WHERE {_ROOTED} AND trials > 0 AND id > ?"
        ((count,),) = self.rows(sql, self.base, node)
        return int(count)

    def spreads(self, metric: str) -> list[tuple[float, int]]:
        """Of each replicated node the squared distances from its mean, summed.

        And their degrees of freedom: the replicates beyond the first.
        """
        return self.rows(
            f"SELECT squares, freedom FROM score WHERE {_ROOTED} AND metric = ? AND freedom > 0",
            *(self.base, metric),
        )

    def judged_under(self) -> dict[str, int]:
        """How many of the verdicts that stand name which rules; empty for those that name none."""
        sql = f"SELECT rules, count(*) FROM node WHERE {_ROOTED} AND verdict IS NOT NULL"
        rows = self.rows(f"{sql} GROUP BY rules ORDER BY rules", self.base)
        return {str(rules): int(count) for rules, count in rows}

    def with_verdict_under(self, rules: str) -> Sequence[int]:
        """The nodes whose verdict names these, in id order."""
        sql = f"SELECT id FROM node WHERE {_ROOTED} AND rules = ? AND verdict IS NOT NULL"
        return self.ids(f"{sql} ORDER BY id", self.base, rules)

    # From here on, of all nodes:

    def base_of(self, node: int) -> str | None:
        """The commit of trunk that a node's lineage started from; None where that is not known."""
        sql = "SELECT oid FROM base JOIN node ON node.base = base.id WHERE node.id = ?"
        return next((str(oid) for (oid,) in self.rows(sql, node)), None)

    def contenders(self) -> list[Node]:
        """Nodes of earlier bases that were ahead and not settled, the shortest trials first.

        Not those that another stands for: one that grew from it on its own base and is ahead
        itself, or its transfer, unless the next base came before that one's trial said anything.
        """
        is_ahead = (
            "{0}.status = 'ok' AND (NOT {0}.is_settled OR {0}.verdict IN ('keep', 'contend'))"
        )
        said_nothing = ", ".join(f"'{status}'" for status in (Status.LOST, Status.CANCELLED))
        ids = self.ids(
            f"SELECT id FROM node WHERE NOT {_ROOTED} AND base > 0 AND parent IS NOT NULL"
            f" AND {is_ahead.format('node')}"
            " AND NOT EXISTS(SELECT 1 FROM child JOIN node AS other ON other.id = child.id"
            f" WHERE child.parent = node.id AND CASE WHEN other.base = node.base"
            f" THEN {is_ahead.format('other')}"
            f" ELSE other.trials > 0 AND other.status NOT IN ({said_nothing})"
            f" OR other.{_ROOTED} END)"
            " ORDER BY microseconds / trials, id",
            *(self.base, self.base),
        )
        return self.nodes.those(ids)

    def first_root(self, protocol: str) -> Node | None:
        """The first baseline that was measured by a protocol."""
        sql = "SELECT id FROM node WHERE parent IS NULL AND protocol = ? ORDER BY id LIMIT 1"
        return next(iter(self.nodes.those(self.ids(sql, protocol))), None)

    def alike(self, node: Node) -> list[Node]:
        """The older nodes whose trials may answer for this one's.

        They have the same protocol, and the same candidate or program.
        """
        propose = node.propose
        ids = self.ids(
            "SELECT id FROM node WHERE candidate = ? AND id < ? AND protocol = ? UNION "
            "SELECT id FROM node WHERE program = ? AND id < ? AND protocol = ? ORDER BY id",
            *(propose.candidate, node.id, propose.protocol),
            *(propose.program, node.id, propose.protocol),
        )
        return self.nodes.those(ids)

    def spent(self) -> tuple[int, float]:
        """All trials, and the seconds they took."""
        sql = "SELECT ifnull(sum(trials), 0), total(microseconds) FROM tally"
        ((trials, microseconds),) = self.rows(sql)
        return int(trials), microseconds / 1e6

    def outcomes(self) -> dict[str, int]:
        """How many nodes have each `Node.outcome`, the most frequent first."""
        rows = self.rows(
            "SELECT CASE WHEN verdict = 'fail' THEN status WHEN verdict IS NOT NULL THEN verdict"
            " WHEN trials > 0 THEN 'undecided' ELSE 'unmeasured' END AS outcome, count(*)"
            " FROM node GROUP BY outcome ORDER BY count(*) DESC, min(id)"
        )
        return {str(outcome): int(count) for outcome, count in rows}

    def children(self, node: int) -> Sequence[int]:
        """The nodes that were made from this one, in id order."""
        return self.ids("SELECT id FROM child WHERE parent = ? ORDER BY id", node)

    def parents(self) -> list[tuple[int, int | None]]:
        """Every readable node with its first parent, in id order."""
        return self.rows("SELECT id, parent FROM node ORDER BY id")

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What the index answers, once all nodes are in it."""

        def answer() -> list[tuple[Any, ...]]:
            self.read_all()
            return self.index.database.run(sql, *values).fetchall()

        return self.mended(answer)

    def ids(self, sql: str, *values: object) -> list[int]:
        """The first column of the same."""
        return [row[0] for row in self.rows(sql, *values)]

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
        index = self._tree.index
        while page := self._tree.mended(partial(index.page, last, most, newest_first=newest_first)):
            self._tree.read_those(page)
            yield from filter(None, map(self.peek, page))
            last, most = page[-1], _PAGE

    def those(self, ids: Iterable[int]) -> list[Node]:
        """Those of them that are among `ids`."""
        return list(filter(None, map(self.get, ids)))

    def unused(self, first: int, end: int) -> list[int]:
        """The ids from `first` to before `end` that no branch has."""
        return self._tree.mended(lambda: self._tree.index.without_branch(first, end))

    def peek(self, node: int) -> Node | None:
        """The node without keeping it, None where it cannot be read."""
        return self._tree.read(node, keep=False) if node <= LARGEST else None

    def __getitem__(self, node: int) -> Node:
        found = self._tree.read(node, keep=True) if node <= LARGEST else None
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
        sql = f"SELECT id FROM node WHERE id = ? AND {_ROOTED}"
        return bool(self._tree.ids(sql, node, self._tree.base))

    def __iter__(self) -> Iterator[int]:
        return iter(
            self._tree.ids(f"SELECT id FROM node WHERE {_ROOTED} ORDER BY id", self._tree.base)
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)
