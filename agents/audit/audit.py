"""The audit of a clone: every claim of a lab checked in order, each violation with its commit."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ...gitlab.reader.repository import Repository, shown
from ...gitlab.reader.values import EMPTY, Unsound
from ...gitlab.record.text import one_line
from .claims import node_claims
from .context import AuditContext
from .node_history import Claims, Nodes, Trunk, read_trunk
from .promotions import promotion_claims
from .rewrites import Violation, deleted, disguised, leave_mark, rewriting

Progress = Callable[[int, int], None]
"""Told how many nodes of how many are done."""


@dataclass
class Report:
    """What was read, and what of it is false, in the order it was found."""

    nodes: int = 0
    objects: int = 0
    violations: list[Violation] = field(default_factory=list)
    _named: set[tuple[str, str]] = field(default_factory=set)

    def add(self, commit: str, branch: str, what: str) -> None:
        """Name a violation; the same one on several branches is named once."""
        what = one_line(what)
        if (commit, what) not in self._named:
            self._named.add((commit, what))
            self.violations.append(Violation(commit, branch, what))

    def collect(self, claims: Claims, tip: str, branch: str) -> None:
        """Name what is false on a branch up to `tip`."""
        try:
            for commit, what in claims:
                self.add(commit, branch, what)
        except Unsound as unsound:
            # The commit that brought the object is named already, unless it is none of the lab's.
            if all(violation.what != one_line(str(unsound)) for violation in self.violations):
                self.add(tip, branch, str(unsound))


def verify(repository: Repository, progress: Progress) -> Report:
    """Everything the lab claims, derived again. After a clean audit its mark is left."""
    report, objects = Report(), repository.objects
    trunk = _read_trunk(repository, report)
    branches = repository.nodes()
    context = AuditContext(
        objects, trunk, Nodes(objects, _node_tips(branches, repository.trunk, trunk))
    )
    highest = max(branches, default=-1)
    # An id that somebody has a lease for is still to come.
    known = repository.leased | set(context.nodes.tips)
    for first, last in _gaps(node for node in known if node <= highest):
        which = f"node {first} is" if first == last else f"nodes {first} to {last} are"
        what = f"{which} not here, and later ones are: a branch was deleted or not fetched"
        report.add("", f"node/{first:06d}", what)
    histories = list(context.nodes.all())
    for faults in context.nodes.faults.values():
        for branch, commit, what in faults:
            report.add(commit, branch, what)
    bases = (context.base(history.node) for history in histories)
    for base in filter(None, dict.fromkeys(bases)):
        unsound = objects.unsound(trunk.line[base].tree, EMPTY)
        for what in filter(None, (context.rules_fault(base), *unsound)):
            report.add(base, repository.trunk, what)
    for done, history in enumerate(histories, 1):
        tip = history.steps[-1].commit.id
        report.collect(node_claims(context, history), tip, history.branch)
        progress(done, len(histories))
    for promotion in trunk.all:
        claims = promotion_claims(context, promotion)
        report.collect(claims, promotion.commit.id, repository.trunk)
    refs = {ref: tip for tips in branches.values() for ref, tip in tips.items()}
    refs |= repository.tips(repository.trunk)
    for violation in (
        *rewriting(repository, refs, trunk),
        *deleted(repository, branches),
        *disguised(repository),
    ):
        report.add(violation.commit, violation.branch, violation.what)
    report.nodes, report.objects = len(histories), objects.checked
    if not report.violations:
        leave_mark(repository.home, refs)
    return report


def _gaps(nodes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The runs of ids below the highest that are missing, each by its first and last."""
    after = 0
    for node in sorted(nodes):
        if node > after:
            yield after, node - 1
        after = node + 1


def _read_trunk(repository: Repository, report: Report) -> Trunk:
    """Trunk where it is longest; a copy elsewhere must be behind it, or ahead by people's work."""
    tips = repository.tips(repository.trunk)
    trunks = {ref: read_trunk(repository.objects, tip, False) for ref, tip in tips.items()}
    ref, longest = max(trunks.items(), key=lambda item: len(item[1].line), default=("", Trunk()))
    for other, trunk in trunks.items():
        for commit, what in trunk.faults:
            report.add(commit, shown(other), what)
        for promotion in trunk.all:
            if promotion.commit.id not in longest.line:
                what = f"{shown(other)} and {shown(ref)} have promotions apart from each other"
                report.add(promotion.commit.id, shown(other), what)
    return longest


def _node_tips(
    branches: dict[int, dict[str, str]], trunk_branch: str, trunk: Trunk
) -> dict[int, dict[str, str]]:
    """The branches that tell of each node, as plain git shows them, with their tips."""
    found = {
        node: {shown(ref): tip for ref, tip in tips.items()} for node, tips in branches.items()
    }
    for promotion in trunk.all:
        # A clone of trunk alone still holds the winners, by the merges' second parents.
        if len(promotion.commit.parents) > 1:
            found.setdefault(promotion.record.node, {trunk_branch: promotion.commit.parents[1]})
    return found
