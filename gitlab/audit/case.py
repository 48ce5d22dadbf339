"""The case: every story of the lab side by side, with the base, terms and rivals of each."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property, partial

from ..errors import AiresearchError
from ..facts import Status
from ..records import Measure
from .objects import Objects, Unsound
from .stories import Trunk
from .trees import BUS, edits, protocol, read
from .values import Edit, Promotion, Rules, Story, Terms

REFUSED = f"{BUS}/refused.patch"
FAILED = f"{BUS}/error.txt"

NO_ANSWERS = (Status.CANCELLED, Status.LOST, Status.DENIED, Status.DUPLICATE)
"""Ends of a trial that say nothing of what the candidate does."""


@dataclass(frozen=True)
class Base:
    """A commit of trunk that nodes grew from, with its rules; None where they cannot be read."""

    terms: Terms | None
    protocol: str
    fault: str = ""


class Case:
    """What the checks of one node ask about others. `stories` are in id order."""

    def __init__(
        self, objects: Objects, rules: Rules, trunk: Trunk, stories: dict[int, Story]
    ) -> None:
        self.objects = objects
        self.trunk = trunk
        self.stories = stories
        self._rules = rules
        self._known: dict[str, Base] = {}
        self._proposed: dict[int, tuple[Edit, ...]] = {}

    def base(self, commit: str) -> Base:
        """The rules at a commit of trunk."""
        if commit not in self._known:
            self._known[commit] = self._read_base(commit)
        return self._known[commit]

    def terms(self, story: Story) -> Terms | None:
        """The rules a story is held to; None where they cannot be known."""
        commit = self.bases.get(story.node)
        return None if commit is None else self.base(commit).terms

    def proposed(self, story: Story) -> tuple[Edit, ...]:
        """What a proposal changed. Raises Unsound."""
        if story.node not in self._proposed:
            before, after = self.objects.commit(story.onto).tree, story.steps[0].commit.tree
            self._proposed[story.node] = edits(self.objects, before, after)
        return self._proposed[story.node]

    def trace(self, story: Story) -> str:
        """The file a refused or failed proposal left instead of a change; empty for a real one."""
        changed = {edit.path for edit in self.proposed(story)}
        return next((path for path in (REFUSED, FAILED) if path in changed), "")

    @cached_property
    def bases(self) -> dict[int, str]:
        """The commit of trunk that each story's baseline grew from, where it leads to one."""
        found: dict[int, str] = {}
        for node, story in self.stories.items():
            parents = story.propose.parent_node
            base = found.get(parents[0]) if parents else story.onto
            if base is not None and base in self.trunk.promotions:
                found[node] = base
        return found

    @cached_property
    def roots(self) -> dict[str, Story]:
        """The baseline of each base."""
        found: dict[str, Story] = {}
        for node, base in self.bases.items():
            if not self.stories[node].propose.parent_node:
                found.setdefault(base, self.stories[node])
        return found

    @cached_property
    def places(self) -> dict[int, Promotion]:
        """The promotion of each node that was promoted."""
        return {p.record.node: p for p in reversed(self.trunk.all)}

    @cached_property
    def seen(self) -> dict[int, int]:
        """For each node, how many of its base's promotions had happened when it was begun.

        At least: a node with an ancestor that was promoted began after that promotion, and so did
        every node with a higher number, because numbers are given out in order.
        """
        own: dict[int, int] = {}
        most: dict[str, int] = {}
        found: dict[int, int] = {}
        for node, base in self.bases.items():
            parents = self.stories[node].propose.parent_node
            above = own.get(parents[0], 0) if parents else 0
            found[node] = most[base] = max(most.get(base, 0), above)
            place = self.places.get(node)
            here = place.place + 1 if place is not None and place.base == base else 0
            own[node] = max(above, here)
        return found

    @cached_property
    def runs(self) -> dict[tuple[str, str, int], list[tuple[int, str, Measure]]]:
        """Who answered each question (candidate, protocol, seed): node, commit, trial."""
        found: dict[tuple[str, str, int], list[tuple[int, str, Measure]]] = {}
        for story in self.stories.values():
            for commit, record in story.steps if self._was_run(story) else ():
                if isinstance(record, Measure) and record.status not in NO_ANSWERS:
                    key = (record.candidate, record.protocol, record.seed)
                    found.setdefault(key, []).append((story.node, commit.id, record))
        return found

    @cached_property
    def seeds(self) -> dict[tuple[str, int], int]:
        """The seed that most trials of a replicate have under a protocol."""
        counts: dict[tuple[str, int], Counter[int]] = {}
        for story in self.stories.values():
            for trial in story.trials:
                key = (trial.protocol, trial.trial.replicate)
                counts.setdefault(key, Counter())[trial.seed] += 1
        return {key: count.most_common(1)[0][0] for key, count in counts.items()}

    def value(self, story: Story | None) -> float | None:
        """The objective's value of a story, None unless its last trial is `ok`."""
        terms = None if story is None else self.terms(story)
        if story is None or terms is None or not story.trials:
            return None
        last = story.trials[-1]
        values = {metric.name: metric.value for metric in last.metric}
        return values.get(terms.metric) if last.status is Status.OK else None

    def _was_run(self, story: Story) -> bool:
        try:
            return not self.trace(story)
        except Unsound:
            return False  # named where the object is

    def _read_base(self, commit: str) -> Base:
        try:
            tree = self.objects.commit(commit).tree
            terms = self._rules(partial(read, self.objects, tree))
            return Base(terms, protocol(self.objects, tree, terms.protected))
        except Unsound:
            return Base(None, "")  # named where the object is
        except AiresearchError as error:
            return Base(None, "", f"nodes grew from it, and {error.what}")
