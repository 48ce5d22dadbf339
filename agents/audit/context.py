"""What the claims of one node ask about others: its base and rules, rivals, promotions."""

from bisect import bisect_right
from collections.abc import Container, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import accumulate, takewhile

from ...gitlab.errors import AiresearchError
from ...gitlab.reader.trees import edits_of, protocol
from ...gitlab.reader.values import Commit, Edit, Entry, Objects, Unsound
from ...gitlab.record.facts import Status, Verdict
from ...gitlab.record.parents import compared_parent
from ...gitlab.record.paths import BUS, FAILED, REFUSED, TASK_FILE, TRANSCRIPT
from ...gitlab.record.records import Judge, Measure
from ..trials.gates import holds
from ..trunk.measured import Changes, Measured
from .figures import fresh_trials
from .in_force import InForce
from .node_history import CLOCKS_APART_SECONDS, NodeHistory, Nodes, Promotion, Trunk
from .noise_bounds import NoiseBounds
from .rules import Rules, read_rules

NO_ANSWERS = (Status.CANCELLED, Status.LOST, Status.DENIED, Status.DUPLICATE)
"""Ends of a trial that say nothing of what the candidate does."""


class AuditContext:
    """A lab as its objects have it. Nodes are read when a claim asks for them."""

    def __init__(
        self, objects: Objects, trunk: Trunk, nodes: Nodes, standing: str | None = None
    ) -> None:
        self.objects = objects
        self.trunk = trunk
        self.nodes = nodes
        self.in_force = InForce(trunk, nodes, standing, self.base)
        self._rules: dict[str, Rules | str] = {}
        self._measured: dict[str, Measured] = {}
        self._protocols: dict[str, str] = {}
        self._proposed: dict[int, tuple[Edit, ...]] = {}
        self._roots: dict[int, NodeHistory | None] = {}
        self._seen: dict[int, int] = {}

    def rules(self, history: NodeHistory, named: str | None = None) -> Rules | None:
        """The rules that one of its records names, or those of its base.

        None where they cannot be known.
        """
        found = self._named_rules(history, named)
        return found if isinstance(found, Rules) else None

    def unread(self, history: NodeHistory, named: str | None) -> str:
        """Why the rules that one of its records names cannot be read; empty where they can."""
        found = self._named_rules(history, named)
        return found if isinstance(found, str) else ""

    def _named_rules(self, history: NodeHistory, named: str | None) -> Rules | str:
        base = self.base(history.node)
        return "" if base is None else self.rules_at(named or base)

    def place(self, history: NodeHistory, named: str | None) -> int | None:
        """Which of its base's commits of people a record names; None where it is none of them."""
        return self.in_force.place(self.base(history.node), named)

    def measured(self, history: NodeHistory) -> Measured | None:
        """What is measured of a node's tree; None where its base is not known."""
        base = self.base(history.node)
        if base is None:
            return None
        if base not in self._measured:
            self._measured[base] = Measured(self.objects, base)
        return self._measured[base]

    def protocol(self, history: NodeHistory) -> str:
        """The protocol of a node's base; empty where that is not known."""
        measured, rules = self.measured(history), self.rules(history)
        if measured is None or rules is None:
            return ""
        if measured.base not in self._protocols:
            beside = {} if measured.task is None else {TASK_FILE: measured.task_entry}
            tree = self.objects.commit(measured.base).tree
            paths = measured.protocol_paths(rules.task)
            self._protocols[measured.base] = protocol(self.objects, tree, paths, beside)
        return self._protocols[measured.base]

    def rules_fault(self, base: str) -> str:
        """Why nobody can be held to the rules at a commit of trunk; empty where they can."""
        found = self.rules_at(base)
        return f"nodes grew from it, and {found}" if isinstance(found, str) else ""

    def rules_at(self, base: str) -> Rules | str:
        """The rules at a commit of trunk, or why they cannot be read."""
        if base not in self._rules:
            try:
                self._rules[base] = read_rules(self.objects, self.objects.commit(base).tree)
            except AiresearchError as error:
                self._rules[base] = error.what
            except Unsound as unsound:
                self._rules[base] = str(unsound)
        return self._rules[base]

    def carried(self, history: NodeHistory, node: int | None = None) -> Changes:
        """What of its first parent's tree, or that of `node`, is as its rules have it."""
        measured, parents = self.measured(history), history.propose.parent_node
        node = node if node is not None else next(iter(parents), None)
        parent = None if node is None else self.nodes.get(node)
        if measured is None or (node is not None and parent is None):
            return {}
        before = measured.base
        if parent is not None:
            before = parent.propose.rules or self.base(parent.node) or before
        commits = history.steps[0].commit.parents
        commit = commits[parents.index(node)] if node is not None else history.onto
        rules = history.propose.rules or measured.base
        return measured.carried(self.objects.commit(commit).tree, before, rules)

    def proposed(self, history: NodeHistory) -> tuple[Edit, ...]:
        """What a proposal changed, less the transcript that it names. Raises Unsound."""
        if history.node not in self._proposed:
            before = self.objects.commit(history.onto).tree
            tree = history.steps[0].commit.tree
            found = edits_of(self.objects, before, self.carried(history), tree)
            if history.propose.transcript is not None:
                found = tuple(edit for edit in found if edit.path != TRANSCRIPT)
            self._proposed[history.node] = found
        return self._proposed[history.node]

    def trace(self, history: NodeHistory) -> str:
        """The file a refused or failed proposal left instead of a change; empty for a real one."""
        changed = {edit.path for edit in self.proposed(history)}
        return next((path for path in (REFUSED, FAILED) if path in changed), "")

    def root(self, node: int) -> NodeHistory | None:
        """The baseline that a node goes back to; None where its parents do not lead to one."""
        for older in self._line(node, self._roots):
            parents = older.propose.parent_node
            root = older if not parents else None
            if parents and parents[0] < older.node:
                root = self._roots.get(parents[0])
            self._roots[older.node] = root
        return self._roots.get(node)

    def base(self, node: int) -> str | None:
        """The commit of trunk that a node's baseline grew from, where it leads to one."""
        root = self.root(node)
        return root.onto if root is not None and root.onto in self.trunk.promotions else None

    def _line(self, node: int, known: Container[int]) -> list[NodeHistory]:
        """A node and its first parents down to one that is `known`, the oldest first."""
        line: list[NodeHistory] = []
        older: int | None = node
        while older is not None and older not in known:
            history = self.nodes.get(older)
            if history is None:
                break
            line.append(history)
            parents = history.propose.parent_node
            older = parents[0] if parents and parents[0] < history.node else None
        return line[::-1]

    @cached_property
    def baselines(self) -> dict[str, NodeHistory]:
        """The first baseline of each base."""
        found: dict[str, NodeHistory] = {}
        for history in self.nodes.all():
            if not history.propose.parent_node:
                found.setdefault(history.onto, history)
        return found

    @cached_property
    def places(self) -> dict[int, Promotion]:
        """The promotion of each node that was promoted."""
        return {p.record.node: p for p in reversed(self.trunk.all)}

    def promotions_seen(self, node: int) -> int:
        """How many of its base's promotions had happened when a node was begun.

        At least: those that the verdicts it grew from knew of had, and so had all that were made
        much earlier. Not its ancestors' own: another worker may go on from a kept node before it is
        promoted.
        """
        base = self.base(node)
        if base is None:
            return 0
        for history in self._line(node, self._seen):
            most = 0
            if history.propose.parent_node:
                parent = history.propose.parent_node[0]
                most = max(self._seen[parent], self._named(parent, history.onto, base))
            sure = history.steps[0].commit.time - CLOCKS_APART_SECONDS
            self._seen[history.node] = max(most, bisect_right(self._times[base], sure))
        return self._seen[node]

    def _named(self, parent: int, onto: str, base: str) -> int:
        """How many promotions the verdicts on a parent knew of, up to the commit `onto`."""
        history, most = self.nodes.get(parent), 0
        for commit, record in () if history is None else history.steps:
            if isinstance(record, Judge) and record.incumbent is not None:
                place = self.places.get(record.incumbent)
                most = max(most, place.place + 1 if place and place.base == base else 0)
            if commit.id == onto:
                break
        return most

    @cached_property
    def _times(self) -> dict[str, list[int]]:
        """When each base's promotions were made, at the latest: no clock runs back in the list."""
        promotions = self.trunk.promotions.items()
        return {
            base: list(accumulate((p.commit.time for p in row), max)) for base, row in promotions
        }

    def answers(self, history: NodeHistory, said: Measure) -> Iterator[tuple[Commit, Measure]]:
        """The trials of other nodes that answered the question of one of this node's."""
        for node in self._by_files.get(self._files(history.steps[0].commit), ()):
            other = None if node == history.node else self.nodes.get(node)
            yield from () if other is None else self.answers_of(other, said)

    def answers_of(self, history: NodeHistory, said: Measure) -> list[tuple[Commit, Measure]]:
        """The trials of a node that ran its candidate under the protocol and the seed of `said`."""
        question = said.protocol, said.seed
        return [
            (commit, record)
            for commit, record in (() if self.trace(history) else history.steps)
            if isinstance(record, Measure)
            and (record.protocol, record.seed) == question
            and record.status not in NO_ANSWERS
        ]

    @cached_property
    def _by_files(self) -> dict[frozenset[tuple[str, Entry]], list[int]]:
        """The nodes by the candidate that their branches end with: no record is read to tell it."""
        found: dict[frozenset[tuple[str, Entry]], list[int]] = {}
        for node, tips in sorted(self.nodes.tips.items()):
            with suppress(Unsound):  # named where the object is
                for files in {self._files(self.objects.commit(tip)) for tip in tips.values()}:
                    found.setdefault(files, []).append(node)
        return found

    def _files(self, commit: Commit) -> frozenset[tuple[str, Entry]]:
        """The candidate of a commit, whose id takes longer to tell."""
        entries = self.objects.tree(commit.tree).items()
        return frozenset(named for named in entries if named[0] != BUS)

    def values_by(self, baseline: NodeHistory, time: int) -> set[float | None]:
        """What a baseline can be known to measure at a time: its mean; None before it is kept."""
        rules = self.rules(baseline)
        for commit, record in baseline.steps if rules is not None else ():
            if isinstance(record, Judge) and record.verdict is Verdict.KEEP and rules is not None:
                metric = rules.task.objective.metric
                value = next((m.value for m in record.metric if m.name == metric), None)
                is_sure = commit.time <= time - CLOCKS_APART_SECONDS
                if is_sure or record is baseline.first_verdict:
                    return {value}
                return {None} if commit.time > time + CLOCKS_APART_SECONDS else {value, None}
        return {None}

    def weighed(self, history: NodeHistory, judged: Judge) -> list[Measure]:
        """The trials that a verdict of the node rests on."""
        before = takewhile(lambda step: step.record is not judged, history.steps)
        return [step.record for step in before if isinstance(step.record, Measure)]

    def selected(self, rival: NodeHistory) -> int:
        """How many of a promoted node's trials selected it; none of a baseline's did."""
        if not rival.propose.parent_node:
            return 0
        kept = [r for _, r in rival.steps if isinstance(r, Judge) and r.verdict is Verdict.KEEP]
        return len(self.weighed(rival, kept[-1])) if kept else 0

    def error_places(self, node: int) -> dict[int, set[int]]:
        """Who has which place in the error budget of a node's base, and was never promoted."""
        return self._error_places.get(self.base(node), {})

    @cached_property
    def _error_places(self) -> dict[str | None, dict[int, set[int]]]:
        found: dict[str | None, dict[int, set[int]]] = {}
        for history in self.nodes.all():
            said = history.judged
            if said is not None and said.plan is not None and history.node not in self.places:
                row = found.setdefault(self.base(history.node), {})
                row.setdefault(said.plan.place, set()).add(history.node)
        return found

    def trials_known(self, rival: NodeHistory, time: int) -> list[list[Measure]]:
        """What a verdict that names the node as its Incumbent can have known of it at a time.

        All that it was promoted with, whatever the dates say; most likely what was recorded by
        then, which comes first.
        """
        promotion, promoted = self.places.get(rival.node), 0
        if promotion is not None:
            tip = compared_parent(promotion.record, promotion.commit.parents)
            promoted = len(rival.trials_up_to(tip))
        apart = CLOCKS_APART_SECONDS
        least, likely, most = (
            max(promoted, len(rival.trials_by(when))) for when in (time - apart, time, time + apart)
        )
        counts = dict.fromkeys((likely, *range(least, most + 1)))
        return [rival.trials[:count] for count in counts]

    def surely_holds(self, promotion: Promotion, rules: Rules | None) -> bool:
        """Whether a promoted node meets the bounds of `rules` in all it ever measured."""
        node = self.nodes.get(promotion.record.node)
        return rules is None or node is None or holds(rules.task, node.trials)

    def surely_misses(self, promotion: Promotion, rules: Rules | None) -> bool:
        """Whether it misses one of them in what it was promoted with."""
        node = self.nodes.get(promotion.record.node)
        if rules is None or node is None:
            return False
        tip = compared_parent(promotion.record, promotion.commit.parents)
        _, fresh = fresh_trials(node, tip)
        trials = node.trials_up_to(tip)
        return not holds(rules.task, trials[: len(trials) - len(fresh)], fresh)

    def incumbents(self, promotion: Promotion) -> set[int | None]:
        """Which nodes can have been the incumbent when a promotion was made."""
        found: set[int | None] = set()
        rules = self.rules_at(promotion.rules)
        held = rules if isinstance(rules, Rules) else None
        for one in reversed(self.trunk.promotions[promotion.base][: promotion.place]):
            if not self.surely_misses(one, held):
                found.add(one.record.node)
            if self.surely_holds(one, held):
                return found
        return {*found, None}

    @cached_property
    def noise_bounds(self) -> NoiseBounds:
        """What the noise and the error of a verdict can have been."""

        def metric(history: NodeHistory) -> str | None:
            rules = self.rules(history)
            return None if rules is None else rules.task.objective.metric

        return NoiseBounds(self.nodes, self.places, self.base, metric)
