"""Branches read as histories: a node's actions in order, trunk's promotions; what does not read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ...gitlab.errors import RecordError
from ...gitlab.reader.values import Commit, Objects, Unsound
from ...gitlab.record.parents import compared_parent
from ...gitlab.record.records import Action, Judge, Measure, Promote, Propose, Record, parse
from ..trunk.cost import starts_base

ORDER = re.compile(r"p(m[mj]*)?")
LETTERS = {Action.PROPOSE: "p", Action.MEASURE: "m", Action.JUDGE: "j", Action.PROMOTE: "x"}
CLOCKS_APART_SECONDS = 300
"""What the clocks of two machines that work on one lab may differ by."""
LONGEST = 10_000
"""Commits that a node's branch may have."""

Claims = Iterator[tuple[str, str]]
"""(commit, why one of its claims is false)."""


class Step(NamedTuple):
    """One action of a node."""

    commit: Commit
    record: Record


@dataclass(frozen=True)
class NodeHistory:
    """A node as one branch tells it, oldest action first; it begins with its proposal."""

    node: int
    branch: str
    propose: Propose
    steps: tuple[Step, ...]

    @property
    def onto(self) -> str:
        """The commit it grew from."""
        return compared_parent(self.propose, self.steps[0].commit.parents)

    @property
    def trials(self) -> list[Measure]:
        """Its trials in order."""
        return [step.record for step in self.steps if isinstance(step.record, Measure)]

    def trials_up_to(self, tip: str) -> list[Measure]:
        """Those up to one of its commits; none where that is not on its branch."""
        end = next((n for n, step in enumerate(self.steps, 1) if step.commit.id == tip), 0)
        return [step.record for step in self.steps[:end] if isinstance(step.record, Measure)]

    def trials_by(self, time: int) -> list[Measure]:
        """Those that were recorded at a time; clocks within a second of each other agree."""
        return [
            step.record
            for step in self.steps
            if isinstance(step.record, Measure) and step.commit.time <= time
        ]

    @property
    def judged(self) -> Judge | None:
        """Its last verdict."""
        verdicts = (step.record for step in reversed(self.steps))
        return next((record for record in verdicts if isinstance(record, Judge)), None)

    @property
    def first_verdict(self) -> Judge | None:
        """Its first verdict."""
        return next((step.record for step in self.steps if isinstance(step.record, Judge)), None)

    def holds(self, commit: str) -> bool:
        """Whether a commit is one of its actions."""
        return any(step.commit.id == commit for step in self.steps)


class Promotion(NamedTuple):
    """A merge of trunk. `base` is the commit its nodes grew from, `place` counts from it."""

    commit: Commit
    record: Promote
    base: str
    place: int
    rules: str
    """The newest commit of people below it."""


@dataclass
class Trunk:
    """The first-parent line of trunk: its commits, oldest last, and its promotions by base.

    `promotions` has a key for every base, a commit of people that changed what is measured, and
    `rules` every base's commits of people, itself the first.
    """

    line: dict[str, Commit] = field(default_factory=dict)
    promotions: dict[str, list[Promotion]] = field(default_factory=dict)
    rules: dict[str, list[str]] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def all(self) -> list[Promotion]:
        """Every promotion, each base's in order."""
        return [promotion for row in self.promotions.values() for promotion in row]


def read_trunk(objects: Objects, tip: str, is_strict: bool) -> Trunk:
    """Trunk from `tip` down, which is empty where there is none.

    Unless it `is_strict`, what people wrote before the first promotion need not be theirs by form.
    """
    trunk = Trunk()
    while tip:
        try:
            commit = trunk.line[tip] = objects.commit(tip)
        except Unsound as unsound:
            trunk.faults.append((tip, str(unsound)))
            break
        tip = commit.parents[0] if commit.parents else ""
    base = ""
    for commit in reversed(trunk.line.values()):
        record, fault = read_record(commit)
        if isinstance(record, Promote):
            row = trunk.promotions.setdefault(base, [])
            rules = trunk.rules.setdefault(base, [base])[-1]
            row.append(Promotion(commit, record, base, len(row), rules))
            is_strict = True
            continue
        if not base or _starts_base(objects, commit.id):
            base = commit.id
            trunk.promotions[base], trunk.rules[base] = [], []
        trunk.rules[base].append(commit.id)
        fault = fault or (f"trunk holds a {record.action} commit" if record else "")
        if is_strict and (fault := fault or agent_fault(commit)):
            trunk.faults.append((commit.id, fault))
    return trunk


def _starts_base(objects: Objects, commit: str) -> bool:
    try:
        return starts_base(objects, commit)
    except Unsound:
        return True


def agent_fault(commit: Commit) -> str:
    """Why a commit that records nothing cannot be a person's; empty where it can."""
    name, _, mail = commit.author.partition(" <")
    is_agents = mail.casefold().endswith("@airesearch>") and name != "airesearch"
    return "it carries an agent's name and records nothing" if is_agents else ""


def read_record(commit: Commit) -> tuple[Record | None, str]:
    """What a commit records, None for a person's; or None and why it cannot be what it claims."""
    try:
        record = parse(commit.message)
    except RecordError as error:
        return None, f"its message claims to be a record and is {error.what}"
    if record is not None and commit.encoding:
        return None, "its message claims to be a record and another encoding than UTF-8"
    if "\0" in commit.message:
        return None, "its message holds a NUL, at which git stops to read"
    return record, ""


class Nodes:
    """The nodes of a lab by the branches that tell of them, each read when it is first asked for.

    `tips` has, for each node, the tip of each of its branches. What does not read is in `faults`,
    as (branch, commit, what).
    """

    def __init__(self, objects: Objects, tips: Mapping[int, Mapping[str, str]]) -> None:
        self.tips = tips
        self.faults: dict[int, list[tuple[str, str, str]]] = {}
        self._objects = objects
        self._read: dict[int, NodeHistory | None] = {}

    def get(self, node: int) -> NodeHistory | None:
        """The longest telling of a node, of which every other branch must be a part."""
        if node not in self._read:
            self._read[node] = self._longest(node) if node in self.tips else None
        return self._read[node]

    def all(self) -> Iterator[NodeHistory]:
        """Every node that reads, in id order."""
        yield from filter(None, map(self.get, sorted(self.tips)))

    def _longest(self, node: int) -> NodeHistory | None:
        faults = self.faults.setdefault(node, [])
        histories: list[NodeHistory] = []
        branches: dict[str, str] = {}
        for branch, tip in self.tips[node].items():
            branches.setdefault(tip, branch)
        for tip, branch in branches.items():
            told, wrong = read_node(self._objects, node, branch, tip)
            faults += ((branch, *fault) for fault in wrong)
            histories += [] if told is None else [told]
        longest = max(histories, key=lambda told: len(told.steps), default=None)
        for told in histories:
            if longest is not None and not longest.holds(told.steps[-1].commit.id):
                what = f"{told.branch} and {longest.branch} have parted"
                faults.append((told.branch, told.steps[-1].commit.id, what))
        return longest


def read_node(
    objects: Objects, node: int, branch: str, tip: str
) -> tuple[NodeHistory | None, list[tuple[str, str]]]:
    """A node's branch from `tip` down to its proposal, and what does not read of it."""
    steps: list[Step] = []
    faults: list[tuple[str, str]] = []
    oid = tip
    while oid and len(steps) + len(faults) < LONGEST:
        try:
            commit = objects.commit(oid)
        except Unsound as unsound:
            return None, [*faults, (oid, str(unsound))]
        record, fault = read_record(commit)
        if record is not None and record.node != node:
            if faults:
                return None, faults  # below a broken proposal lies the parent's branch
            fault = f"it says it is of node {record.node}"
        if record is None and not fault:
            fault = "it records nothing"
        if fault:
            faults.append((oid, f"on the branch of node {node}, {fault}"))
            if fault == "it records nothing":
                return None, faults
        elif record is not None:
            steps.append(Step(commit, record))
            if isinstance(record, Propose) and commit.parents:
                told = NodeHistory(node, branch, record, tuple(reversed(steps)))
                return (None if faults else told), faults
        oid = commit.parents[0] if commit.parents else ""
    return None, [*faults, (tip, f"the branch of node {node} has no proposal at its root")]


def form_claims(history: NodeHistory) -> Claims:
    """The form of a history: its order, its authors, as many parents as it names."""
    order = "".join(LETTERS[step.record.action] for step in history.steps)
    if not ORDER.fullmatch(order):
        known = next(n for n in range(len(order), -1, -1) if not n or ORDER.fullmatch(order[:n]))
        first = history.steps[min(known, len(order) - 1)].commit.id
        yield first, f"its actions come as {', '.join(s.record.action for s in history.steps)}"
    for commit, record in history.steps:
        yield from author_claims(commit, record)
        due = max(len(history.propose.parent_node), 1) if isinstance(record, Propose) else 1
        if len(commit.parents) != due:
            yield commit.id, f"a {record.action} commit has {len(commit.parents)} parents"
        if getattr(record, "parent_node", ()) != history.propose.parent_node:
            yield commit.id, "its Parent-Node is not that of its proposal"


def author_claims(commit: Commit, record: Record) -> Claims:
    """The author of an action is its agent, and is who may act so."""
    if commit.author != f"{record.agent} <{record.agent}@airesearch>":
        yield commit.id, f"its author is {commit.author!r} and its Agent {record.agent!r}"
    acts = {Action.MEASURE: "runner", Action.JUDGE: "judge", Action.PROMOTE: "judge"}
    if record.agent != acts.get(record.action, record.agent):
        yield commit.id, f"{record.agent!r} is not who acts in a {record.action} commit"
