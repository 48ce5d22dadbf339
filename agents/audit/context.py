"""The case: every story of the lab side by side, with the base, terms and rivals of each."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, takewhile

from ...gitlab.errors import AiresearchError
from ...gitlab.reader.objects import Objects, Unsound
from ...gitlab.reader.trees import edits, protocol, read
from ...gitlab.reader.values import Edit
from ...gitlab.record.facts import Status
from ...gitlab.record.paths import FAILED, REFUSED
from ...gitlab.record.records import Judge, Measure
from .figures import Spread, spread, values
from .node_history import Trunk
from .values import Promotion, Rules, Story, Terms

CLOCKS_APART_SECONDS = 300
"""What the clocks of two machines that work on one lab may differ by."""
_SCREEN = 3

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

        At least: those that the verdicts it grew from knew of had, and so had all that were made
        much earlier. Not its ancestors' own: another worker may go on from a kept node before it is
        promoted.
        """
        found: dict[int, int] = {}
        for node, base in self.bases.items():
            story = self.stories[node]
            parents = story.propose.parent_node
            known = max(found.get(parents[0], 0), self._named(story, base)) if parents else 0
            sure = story.steps[0].commit.time - CLOCKS_APART_SECONDS
            found[node] = max(known, bisect_right(self._times[base], sure))
        return found

    def _named(self, story: Story, base: str) -> int:
        """How many promotions the verdicts on its parent knew of that it grew from."""
        most = 0
        for step in self.stories[story.propose.parent_node[0]].steps:
            if isinstance(step.record, Judge) and step.record.incumbent is not None:
                place = self.places.get(step.record.incumbent)
                most = max(most, place.place + 1 if place and place.base == base else 0)
            if step.commit.id == story.onto:
                break
        return most

    @cached_property
    def _times(self) -> dict[str, list[int]]:
        """When each base's promotions were made, at the latest: no clock runs back in the list."""
        promotions = self.trunk.promotions.items()
        return {
            base: list(accumulate((one.commit.time for one in row), max))
            for base, row in promotions
        }

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
        """What the verdict on a baseline rests on: its mean; None unless it was kept."""
        terms = None if story is None else self.terms(story)
        if story is None or terms is None or story.judged is None:
            return None
        return next((m.value for m in story.judged.metric if m.name == terms.metric), None)

    def weighed(self, story: Story, judged: Judge) -> list[Measure]:
        """The trials that a verdict of the story rests on."""
        before = takewhile(lambda step: step.record is not judged, story.steps)
        return [step.record for step in before if isinstance(step.record, Measure)]

    def trials_by(self, story: Story, time: int) -> list[Measure]:
        """Its trials that were recorded at a time; clocks within a second of each other agree."""
        return [
            step.record
            for step in story.steps
            if isinstance(step.record, Measure) and step.commit.time <= time
        ]

    def most_error(self, story: Story, time: int) -> float:
        """The largest share of the error that a story could have at a time.

        Ahead are the others that certainly were being confirmed and were never promoted.
        """
        terms, base = self.terms(story), self.bases.get(story.node)
        if terms is None:
            return 1.0
        sure = time - CLOCKS_APART_SECONDS
        ahead = sum(
            1
            for node, begun in self._confirmed.get(base, ())
            if node != story.node and node not in self.places and begun <= sure
        )
        return terms.share(1 + ahead)

    def spreads(self, story: Story, time: int, own: Sequence[Measure]) -> tuple[Spread, Spread]:
        """Between which spreads the noise lay that a verdict at a time rests on.

        It surely knew its own trials, those of the baseline and what others had done long before.
        """
        base = self.bases[story.node]
        times, spreads = self._spreads[base]
        sure, most = time - CLOCKS_APART_SECONDS, time + CLOCKS_APART_SECONDS
        least = spreads[bisect_right(times, sure)]
        root = self.roots[base]
        known = {story.node: own}
        if root.judged is not None:
            known.setdefault(root.node, self.weighed(root, root.judged))
        for node, trials in known.items():
            there = self._spread(base, self.trials_by(self.stories[node], sure))
            here = self._spread(base, trials)
            if here.freedom > there.freedom:
                gained = here.squares - there.squares, here.freedom - there.freedom
                least += Spread(*gained)
        return least, spreads[bisect_right(times, most)]

    def _spread(self, base: str, trials: Sequence[Measure]) -> Spread:
        terms = self.base(base).terms
        return spread(values(trials, "" if terms is None else terms.metric))

    @cached_property
    def _spreads(self) -> dict[str, tuple[list[int], list[Spread]]]:
        """For each base, when trials were recorded, and the spread of all up to each: in order."""
        gains: dict[str, list[tuple[int, Spread]]] = {}
        for node, base in self.bases.items():
            found, trials, before = gains.setdefault(base, []), list[Measure](), Spread()
            for commit, record in self.stories[node].steps:
                if isinstance(record, Measure):
                    trials.append(record)
                    now = self._spread(base, trials) if len(trials) > 1 else before
                    squares, freedom = now.squares - before.squares, now.freedom - before.freedom
                    found.append((commit.time, Spread(squares, freedom)))
                    before = now
        return {base: _summed(found) for base, found in gains.items()}

    @cached_property
    def _confirmed(self) -> dict[str | None, list[tuple[int, int]]]:
        """For each base, the nodes with more trials than screening takes, and since when."""
        found: dict[str | None, list[tuple[int, int]]] = {}
        for node, base in self.bases.items():
            story = self.stories[node]
            times = [step.commit.time for step in story.steps if isinstance(step.record, Measure)]
            if story.propose.parent_node and len(times) > _SCREEN:
                found.setdefault(base, []).append((node, times[_SCREEN]))
        return found

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


def _summed(gains: list[tuple[int, Spread]]) -> tuple[list[int], list[Spread]]:
    gains.sort()
    return [time for time, _ in gains], list(accumulate((g for _, g in gains), initial=Spread()))
