"""The search tree, derived from refs and commits alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pygit2

from .errors import AiresearchError, RecordError
from .facts import Status, Verdict
from .lab import Lab
from .records import Action, Judge, Measure, Promote, Propose, Record, parse
from .refs import node_tips


@dataclass(frozen=True)
class Node:
    """A vertex of the search tree: what its branch says, oldest first."""

    tip: pygit2.Oid
    onto: pygit2.Oid
    """The commit the node grew from: its parent node's, or trunk's for a baseline."""
    proposed: pygit2.Oid
    propose: Propose
    trials: tuple[Measure, ...] = ()
    judged: Judge | None = None

    @property
    def id(self) -> int:
        """The node's number."""
        return self.propose.node

    @property
    def parents(self) -> tuple[int, ...]:
        """The nodes it was made from; none for a baseline."""
        return self.propose.parent_node

    @property
    def action(self) -> Action:
        """The node's state: what was done last."""
        if self.judged is not None:
            return Action.JUDGE
        return Action.MEASURE if self.trials else Action.PROPOSE

    @property
    def status(self) -> Status | None:
        """How its last trial ended; None before the first has."""
        return self.trials[-1].status if self.trials else None

    @property
    def verdict(self) -> Verdict | None:
        """What the judge said; None before that."""
        return None if self.judged is None else self.judged.verdict

    @property
    def reason(self) -> str:
        """Why it stands where it stands, in a sentence."""
        if self.trials and self.trials[-1].reason:
            return self.trials[-1].reason
        return "" if self.judged is None else self.judged.reason

    def value(self, metric: str) -> float | None:
        """The measured value of `metric`, None unless the last trial is `ok`."""
        if self.status is not Status.OK:
            return None
        return next((m.value for m in self.trials[-1].metric if m.name == metric), None)


@dataclass(frozen=True)
class SearchTree:
    """Every node, trunk's promotions since its base, and refs that are no honest node."""

    nodes: Mapping[int, Node]
    trunk: pygit2.Oid
    base: pygit2.Oid
    """The newest commit of trunk that is no promotion: what the search starts from."""
    promotions: tuple[Promote, ...]
    """Trunk's promotions since the base, oldest first."""
    broken: Mapping[int, str]
    """Node branches that cannot be read, each with the reason."""
    absent: Mapping[int, pygit2.Oid]
    """Promoted nodes whose branch is not here, each with the tip that trunk's merge holds."""

    @property
    def incumbent(self) -> Node | None:
        """The node trunk was last promoted to, None before the first promotion."""
        return self.nodes.get(self.promotions[-1].node) if self.promotions else None

    @property
    def next_id(self) -> int:
        """The first id no branch has taken."""
        return max((*self.nodes, *self.broken), default=-1) + 1

    @cached_property
    def rooted(self) -> dict[int, Node]:
        """The nodes that grew from the present base, in id order: those the search goes on with."""
        found: dict[int, Node] = {}
        for node in self.nodes.values():
            if (node.onto == self.base) if not node.parents else node.parents[0] in found:
                found[node.id] = node
        return found

    @property
    def root(self) -> Node | None:
        """The baseline of the present base, None before it is proposed."""
        return next((node for node in self.rooted.values() if not node.parents), None)

    @cached_property
    def children(self) -> dict[int, tuple[int, ...]]:
        """The children of each node that has any."""
        found: dict[int, list[int]] = {}
        for node in self.nodes.values():
            for parent in node.parents:
                found.setdefault(parent, []).append(node.id)
        return {parent: tuple(ids) for parent, ids in found.items()}

    def get(self, node: int) -> Node:
        """The node with this id. Raises AiresearchError where there is none."""
        if node in self.nodes:
            return self.nodes[node]
        last = max(self.nodes, default=None)
        known = "there are no nodes yet" if last is None else f"the last one is {last}"
        why = self.broken.get(node, known)
        raise AiresearchError(f"no node {node}: {why}", "list them: airesearch log")

    def lineage(self, node: int) -> tuple[Node, ...]:
        """The path from the root to `node`, first parents only."""
        path = [self.get(node)]
        while path[-1].parents and path[-1].parents[0] in self.nodes:
            path.append(self.nodes[path[-1].parents[0]])
        return tuple(reversed(path))


def load_tree(lab: Lab, known: SearchTree | None = None) -> SearchTree:
    """The tree as the refs have it now; only what moved since `known` is read again."""
    trunk = lab.trunk_tip
    if known is not None and known.trunk == trunk:
        base, promotions, winners = known.base, known.promotions, known.absent
    else:
        base, promotions, winners = _read_trunk(lab, trunk)
    tips = node_tips(lab.repo)
    absent = {node: tip for node, tip in winners.items() if node not in tips}
    old = {} if known is None else {node.tip: node for node in known.nodes.values()}
    nodes: dict[int, Node] = {}
    broken: dict[int, str] = {}
    for node, tip in sorted({**absent, **tips}.items()):
        try:
            nodes[node] = old.get(tip) or _read_node(lab, node, tip)
        except (RecordError, KeyError, ValueError, pygit2.GitError) as error:
            broken[node] = str(error)
    return SearchTree(nodes, trunk, base, promotions, broken, absent)


def _read_node(lab: Lab, node: int, tip: pygit2.Oid) -> Node:
    trials: list[Measure] = []
    judged: Judge | None = None
    for commit, record in _records(lab, tip):
        if record is None or record.node != node:
            raise RecordError(f"commit {commit.short_id} on its branch is not of node {node}")
        if isinstance(record, Propose):
            onto = commit.parent_ids[0]
            return Node(tip, onto, commit.id, record, tuple(reversed(trials)), judged)
        if isinstance(record, Measure):
            trials.append(record)
        elif isinstance(record, Judge) and judged is None:
            judged = record
    raise RecordError("its branch has no propose commit")


def _read_trunk(
    lab: Lab, trunk: pygit2.Oid
) -> tuple[pygit2.Oid, tuple[Promote, ...], Mapping[int, pygit2.Oid]]:
    """The base, the promotions since, and the tip each promoted node had."""
    promotions: list[Promote] = []
    winners: dict[int, pygit2.Oid] = {}
    for commit, record in _records(lab, trunk):
        if not isinstance(record, Promote):
            return commit.id, tuple(reversed(promotions)), winners
        promotions.append(record)
        winners.setdefault(record.node, commit.parent_ids[-1])
    raise AiresearchError(f"{lab.trunk} has no commit that is not a promotion")


def _records(lab: Lab, tip: pygit2.Oid) -> Iterator[tuple[pygit2.Commit, Record | None]]:
    for commit in lab.first_parents(tip):
        yield commit, parse(commit.message)
