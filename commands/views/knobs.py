"""The knobs of the trunk as it stands, what they are worth, and what is left alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...agents.proposers.base import Past
from ...agents.proposers.tuner.entries import Entry
from ...agents.proposers.tuner.influence import influences
from ...agents.proposers.tuner.knobs import NO_RANGE, NOTHING, TEXT
from ...agents.proposers.tuner.knobs.domains import Choices, Domain
from ...agents.proposers.tuner.knobs.python.sites import LOCAL, OFTEN
from ...agents.proposers.tuner.lessons import learn
from ...agents.proposers.tuner.space import experience
from ...agents.proposers.tuner.version import Versions
from ...agents.proposers.tuner.wording import limits
from ...agents.setup.search_space import read_space
from ...gitlab.record.text import one_line, plural
from ...gitlab.store.trees import read
from ...gitlab.tree.search_tree import Node
from .lab_view import LabView

HINT = """
to fix one, or to say what it may be: a comment beside it or above it, `# fixed`,
`# range: 1e-4..1 log`, `# choices: a, b`; or the same in team.yaml, which costs no trial:
knobs: {"FILE:NAME": fixed}"""
_NEWEST = 300
"""So many nodes tell what a knob is worth."""
_DULL = {TEXT, NOTHING, NO_RANGE, LOCAL, OFTEN}
"""What is left alone for these reasons is seldom missed."""
_LONGEST = 40
_END = {"low": "at the low end of its range", "high": "at the high end of its range", "": ""}


def facts(view: LabView) -> dict[str, Any]:
    """Each knob, what is left alone and why, and the conditions that are kept, as stable JSON."""
    versions = Versions()
    nodes = _nodes(view)
    root, lab = view.tree.root, view.lab
    first = next((lab.tree_of(node.proposed) for node in nodes if not node.parents), None)
    base = None if root is None else lab.tree_of(view.tree.rules)
    now = lab.tree_of(view.tree.rules if root is None else lab.trunk_tip)
    space = read_space(lab, now, view.task, base, first, versions)
    scored, alike = experience(space, [_past(view, node) for node in nodes], versions)
    lessons = learn(space.knobs, alike, space.current)
    turned = {knob.name: knob for knob in lessons.knobs}
    worth = influences(lessons.knobs, scored, view.task.objective.goal)
    return {
        "knobs": [
            {**_where(entry), "end": entry.end, "importance": worth.get(entry.name)}
            | _allowed(turned[entry.name].domain)
            for entry in space.entries
            if entry.name in turned
        ],
        "left_alone": [
            {**_where(entry), "reason": lessons.alone.get(entry.name) or entry.why_alone}
            for entry in space.entries
            if entry.name not in turned
        ],
        "conditions": [one.text for one in space.constraints],
        "trials": len(scored),
    }


def _nodes(view: LabView) -> Sequence[Node]:
    """The newest that were measured, of this base and of earlier ones by the same protocol."""
    tree, root = view.tree, view.tree.root
    if root is None:
        return ()
    bases = tree.bases_like(root.propose.protocol) if view.task.is_split else [tree.base]
    ids = {*tree.measured(1, bases, newest=False), *tree.measured(_NEWEST, bases, newest=True)}
    return tree.nodes.those(sorted(ids))


def _past(view: LabView, node: Node) -> Past:
    oid = view.lab.tree_of(node.proposed)
    return Past(
        node.id,
        str(node.status),
        node.value(view.metric),
        lambda path: read(view.lab.repo, oid, path),
    )


def _where(entry: Entry) -> dict[str, Any]:
    site = entry.site
    return {"file": entry.path, "line": site.line, "name": entry.name, "value": site.value}


def _allowed(domain: Domain) -> dict[str, Any]:
    choices = list(domain.values) if isinstance(domain, Choices) else None
    bounds = None if isinstance(domain, Choices) else asdict(domain)
    return {"choices": choices, "range": bounds, "limits": limits(domain)}


def lines(facts: Mapping[str, Any], *, every: bool) -> Iterator[str]:
    """The same for people; of what is left alone not what is hardly ever a knob, unless `every`."""
    found = facts["knobs"]
    yield from _table(found) if found else ["no knob was found in the files that may be edited"]
    known = facts["trials"]
    if found and not any(one["importance"] is not None for one in found):
        yield f"how much each matters is not known yet, from {plural(known, 'measured node')}"
    if facts["conditions"]:
        yield "\nkept, as the code says so:"
        yield from (f"  {text}" for text in facts["conditions"])
    alone = [one for one in facts["left_alone"] if every or one["reason"] not in _DULL]
    if alone:
        yield "\nleft alone:"
    reasons = dict.fromkeys(one["reason"] for one in alone)
    for reason in reasons:
        yield f"  {reason}"
        for one in alone:
            if one["reason"] == reason:
                yield f"    {_place(one)}  {_label(one)} = {_short(one['value'])}"
    rest = len(facts["left_alone"]) - len(alone)
    if rest:
        yield f"  and {plural(rest, 'other')}, texts and flags: airesearch knobs --all"


def _table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [("where", "knob", "value", "may be", "matters", "")]
    for one in found:
        matters = "" if one["importance"] is None else f"{one['importance']:.0%}"
        allowed = _short(one["limits"])
        shown = (_place(one), _label(one), _short(one["value"]), allowed, matters)
        rows.append((*shown, _END[one["end"]]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


def _place(one: Mapping[str, Any]) -> str:
    return f"{one['file']}:{one['line']}"


def _label(one: Mapping[str, Any]) -> str:
    return str(one["name"]).removeprefix(f"{one['file']}:")


def _short(value: Any) -> str:
    return one_line(str(value), _LONGEST)
