"""Branches read as stories: a node's actions in order, trunk's promotions; what does not read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...gitlab.errors import RecordError
from ...gitlab.reader.objects import Objects, Unsound
from ...gitlab.reader.values import Commit
from ...gitlab.record.records import Action, Promote, Propose, Record
from .values import Promotion, Step, Story

_ORDER = re.compile(r"p(m[mj]*)?")
_LETTERS = {Action.PROPOSE: "p", Action.MEASURE: "m", Action.JUDGE: "j", Action.PROMOTE: "x"}
Claims = Iterator[tuple[str, str]]
"""(commit, why one of its claims is false)."""


@dataclass
class Trunk:
    """The first-parent line of trunk: its commits, oldest last, and its promotions by base."""

    line: dict[str, Commit] = field(default_factory=dict)
    promotions: dict[str, list[Promotion]] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)
    end: str = ""
    """An unsound commit where the line breaks off."""

    @property
    def all(self) -> list[Promotion]:
        """Every promotion, each base's in order."""
        return [one for found in self.promotions.values() for one in found]


def read_trunk(objects: Objects, tip: str) -> Trunk:
    """Trunk from `tip` down; `promotions` has a key for every commit that is none.

    What people wrote before the first promotion is not held to the form of a record.
    """
    trunk = Trunk()
    here = tip
    while here:
        try:
            commit = trunk.line[here] = objects.commit(here)
        except Unsound as unsound:
            trunk.faults.append((here, str(unsound)))
            break
        here = commit.parents[0] if commit.parents else ""
    base, begun = "", False
    for commit in reversed(trunk.line.values()):
        record, fault = _read(objects, commit)
        if isinstance(record, Promote):
            found = trunk.promotions.setdefault(base, [])
            found.append(Promotion(commit, record, base, len(found)))
            begun = True
            continue
        base = commit.id
        trunk.promotions[base] = []
        fault = fault or (f"trunk holds a {record.action} commit" if record else "")
        if _is_agent(commit.author):
            fault = fault or "it carries an agent's name and records nothing"
        if fault and begun:
            trunk.faults.append((commit.id, fault))
    return trunk


def read_story(
    objects: Objects, node: int, branch: str, tip: str, faults: list[tuple[str, str]]
) -> Story | None:
    """A node's branch from `tip` down to its proposal; what does not read is added to `faults`."""
    steps: list[Step] = []
    here, whole = tip, True
    while here:
        try:
            commit = objects.commit(here)
        except Unsound as unsound:
            faults.append((here, str(unsound)))
            return None
        record, fault = _read(objects, commit)
        if record is not None and record.node != node and not whole:
            return None  # below a broken proposal lies the parent's branch, read by itself
        if record is None or record.node != node:
            whole = False
            claimed = fault or ("it records nothing" if record is None else
                                f"it says it is of node {record.node}")  # fmt: skip
            faults.append((here, f"on the branch of node {node}, {claimed}"))
            if record is None and not fault:
                return None
        else:
            steps.append(Step(commit, record))
            if isinstance(record, Propose) and commit.parents:
                return Story(node, branch, record, tuple(reversed(steps))) if whole else None
        here = commit.parents[0] if commit.parents else ""
    faults.append((tip, f"the branch of node {node} has no proposal at its root"))
    return None


def story_claims(story: Story) -> Claims:
    """The form of a story: its order, its authors, one parent each."""
    order = "".join(_LETTERS[step.record.action] for step in story.steps)
    if not _ORDER.fullmatch(order):
        said = ", ".join(step.record.action for step in story.steps)
        yield _first_out_of_order(story, order), f"its actions come as {said}"
    for commit, record in story.steps:
        yield from author_claims(commit, record)
        many = len(story.propose.parent_node) if isinstance(record, Propose) else 1
        if not 1 <= len(commit.parents) <= max(many, 1):
            yield commit.id, f"a {record.action} commit has {len(commit.parents)} parents"
        if getattr(record, "parent_node", ()) != story.propose.parent_node:
            yield commit.id, "its Parent-Node is not that of its proposal"


def author_claims(commit: Commit, record: Record) -> Claims:
    """The author of an action is its agent, and is who may act so."""
    if commit.author != f"{record.agent} <{record.agent}@airesearch>":
        yield commit.id, f"its author is {commit.author!r} and its Agent {record.agent!r}"
    acts = {Action.MEASURE: "runner", Action.JUDGE: "judge", Action.PROMOTE: "judge"}
    if record.agent != acts.get(record.action, record.agent):
        yield commit.id, f"{record.agent!r} is not who acts in a {record.action} commit"


def _first_out_of_order(story: Story, order: str) -> str:
    known = next(n for n in range(len(order), -1, -1) if not n or _ORDER.fullmatch(order[:n]))
    return story.steps[min(known, len(order) - 1)].commit.id


def _read(objects: Objects, commit: Commit) -> tuple[Record | None, str]:
    try:
        return objects.record(commit.id), ""
    except RecordError as error:
        return None, f"its message claims to be a record and is {error.what}"


def _is_agent(author: str) -> bool:
    name, _, mail = author.partition(" <")
    return mail == f"{name}@airesearch>" and name != "airesearch"
