"""The audit: every claim of a lab checked in order, and each falsehood named by its commit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ...gitlab.reader.objects import Objects, Unsound
from ...gitlab.reader.repository import Place, shown
from ...gitlab.record.text import one_line
from .context import Case
from .history import deleted, leave_mark, rewriting
from .node_history import Claims, Trunk, read_story, read_trunk, story_claims
from .proposals import proposal_claims
from .trials import trial_claims
from .values import Falsehood, Promotion, Rules, Story
from .verdicts import promotion_claims, verdict_claims

Progress = Callable[[int, int], None]
"""Told how many nodes of how many are done."""
_CHECKS = (proposal_claims, trial_claims, verdict_claims)


@dataclass
class Report:
    """What was read, and what of it is false, in the order it was found."""

    nodes: int = 0
    objects: int = 0
    falsehoods: list[Falsehood] = field(default_factory=list)
    _said: set[tuple[str, str]] = field(default_factory=set)

    def add(self, commit: str, branch: str, what: str) -> None:
        """Name a falsehood; the same one on several branches is named once."""
        what = one_line(what)
        if (commit, what) not in self._said:
            self._said.add((commit, what))
            self.falsehoods.append(Falsehood(commit, branch, what))

    def names(self, what: str) -> bool:
        """Whether some falsehood says just this."""
        return any(falsehood.what == one_line(what) for falsehood in self.falsehoods)


def audit(place: Place, rules: Rules, progress: Progress) -> Report:
    """Everything the lab claims, derived again. After a clean audit its mark is left."""
    report = Report()
    branches = place.nodes()
    trunk = _trunk(place, report)
    stories = _stories(place, branches, trunk, report)
    case = Case(place.objects, rules, trunk, stories)
    _check_bases(case, place.trunk, report)
    for done, story in enumerate(stories.values()):
        _check_story(case, story, report)
        progress(done + 1, len(stories))
    for one in trunk.all:
        _check_promotion(case, one, place.trunk, report)
    refs = {ref: tip for tips in branches.values() for ref, tip in tips.items()}
    refs |= place.tips(place.trunk)
    for falsehood in (*rewriting(place, refs, trunk), *deleted(place, branches)):
        report.add(falsehood.commit, falsehood.branch, falsehood.what)
    report.nodes, report.objects = len(stories), place.objects.checked
    if not report.falsehoods:
        leave_mark(place.home, refs)
    return report


def _trunk(place: Place, report: Report) -> Trunk:
    """Trunk where it is longest; a copy elsewhere must be behind it, or ahead by people's work."""
    trunks = [(ref, read_trunk(place.objects, tip)) for ref, tip in place.tips(place.trunk).items()]
    ref, longest = max(trunks, key=lambda item: len(item[1].line), default=("", Trunk()))
    for other, trunk in trunks:
        for commit, what in trunk.faults:
            report.add(commit, shown(other), what)
        for one in trunk.all:
            if one.commit.id not in longest.line:
                what = f"{shown(other)} and {shown(ref)} have promotions apart from each other"
                report.add(one.commit.id, shown(other), what)
    return longest


def _stories(
    place: Place, branches: dict[int, dict[str, str]], trunk: Trunk, report: Report
) -> dict[int, Story]:
    sources = {node: {shown(ref): tip for ref, tip in tips.items()}
               for node, tips in branches.items()}  # fmt: skip
    for one in trunk.all:
        # A clone of trunk alone still holds the winners, by the merges' second parents.
        if one.record.node not in sources and len(one.commit.parents) > 1:
            sources[one.record.node] = {place.trunk: one.commit.parents[1]}
    for node in sorted(set(range(max(branches, default=-1))) - set(sources)):
        what = f"node {node} is not here, and later ones are: a branch was deleted or not fetched"
        report.add("", f"node/{node:06d}", what)
    told = ((n, _story(place.objects, n, sources[n], report)) for n in sorted(sources))
    return {node: story for node, story in told if story is not None}


def _story(objects: Objects, node: int, tips: dict[str, str], report: Report) -> Story | None:
    """The longest telling of a node; every other branch of it must be a part of that."""
    found: list[Story] = []
    for branch, tip in tips.items():
        faults: list[tuple[str, str]] = []
        story = read_story(objects, node, branch, tip, faults)
        for commit, what in faults:
            report.add(commit, branch, what)
        if story is not None:
            found.append(story)
    longest = max(found, key=lambda story: len(story.steps), default=None)
    for story in found:
        if longest is not None and story.steps[-1] not in longest.steps:
            what = f"{story.branch} and {longest.branch} have parted"
            report.add(story.steps[-1].commit.id, story.branch, what)
    return longest


def _check_bases(case: Case, branch: str, report: Report) -> None:
    for commit in dict.fromkeys(case.bases.values()):
        fault = case.base(commit).fault
        found = case.objects.faults(case.trunk.line[commit].tree)
        for what in (*([fault] if fault else []), *sorted(found)):
            report.add(commit, branch, what)


def _check_story(case: Case, story: Story, report: Report) -> None:
    for commit, what in (*_tree_claims(case.objects, story), *story_claims(story)):
        report.add(commit, story.branch, what)
    for check in _CHECKS:
        _collect(check(case, story), story.steps[0].commit.id, story.branch, report)


def _check_promotion(case: Case, one: Promotion, branch: str, report: Report) -> None:
    for what in sorted(case.objects.faults(one.commit.tree)):
        if not report.names(what):
            report.add(one.commit.id, branch, what)
    _collect(promotion_claims(case, one), one.commit.id, branch, report)


def _collect(claims: Claims, commit: str, branch: str, report: Report) -> None:
    try:
        for named, what in claims:
            report.add(named, branch, what)
    except Unsound as unsound:
        # The commit that brought the object is named already, unless it is none of the lab's.
        if not report.names(str(unsound)):
            report.add(commit, branch, str(unsound))


def _tree_claims(objects: Objects, story: Story) -> Iterator[tuple[str, str]]:
    """What is unsound below each commit and was not below the one before."""
    try:
        before = objects.faults(objects.commit(story.onto).tree)
    except Unsound as unsound:
        yield story.onto, str(unsound)
        before = frozenset()
    for commit, _ in story.steps:
        found = objects.faults(commit.tree)
        yield from ((commit.id, what) for what in sorted(found - before))
        before = found
