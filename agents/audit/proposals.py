"""Whether a proposal changed what it says it did, and only what it was allowed to."""

from functools import partial

from ...gitlab.reader.trees import candidate, content, lines_fault
from ...gitlab.record.facts import Diff, Operator
from ...gitlab.record.paths import BUS, FAILED, REFUSED
from ...gitlab.record.text import quote_path
from .context import Case
from .node_history import Claims
from .programs import is_program
from .values import Change, Story, Terms

_LISTED = 20
_NO_DIFF = Diff(0, 0, 0)


def proposal_claims(case: Case, story: Story) -> Claims:
    """Where it grew, what it changed, and what it says of that."""
    commit, said = story.steps[0].commit, story.propose
    for what in (*_root_faults(case, story), *_size_faults(case, story)):
        yield commit.id, what
    real = candidate(case.objects, commit.tree)
    if said.candidate != real:
        yield commit.id, f"its Candidate is {said.candidate}, and its tree without {BUS}/ is {real}"
    base = case.bases.get(story.node)
    if base is None:
        return
    protocol = case.base(base).protocol
    if protocol and said.protocol != protocol:
        yield commit.id, f"its Protocol is {said.protocol}, and the protocol in force is {protocol}"
    terms = case.terms(story)
    if terms is not None:
        ground = case.objects.commit(base).tree
        if said.program is not None and not is_program(
            said.program, case.objects, terms.syntax, ground, commit.tree
        ):
            yield commit.id, f"its Program is {said.program}, and its files give another"
        for reason in _against(case, story, terms):
            yield commit.id, f"{said.agent} was not allowed this change: {reason}"


def _root_faults(case: Case, story: Story) -> list[str]:
    said, node = story.propose, story.node
    if not said.parent_node:
        if story.onto not in case.trunk.promotions:
            return [f"its baseline grew from {story.onto}, which is no commit of people on trunk"]
        first = case.roots.get(story.onto, story)
        again = f"node {first.node} is a baseline of the same base already"
        return [] if first is story or case.bases.get(node) is None else [again]
    parent = said.parent_node[0]
    if parent >= node:
        return [f"its Parent-Node {parent} is not older than it"]
    if said.operator is not Operator.MERGE and len(said.parent_node) > 1:
        return [f"{said.operator} has more than one Parent-Node"]
    held = case.stories.get(parent)
    if held is not None and all(step.commit.id != story.onto for step in held.steps):
        return [f"its first parent {story.onto} is not on the branch of its Parent-Node {parent}"]
    return []


def _size_faults(case: Case, story: Story) -> list[str]:
    said = story.propose
    if case.trace(story) or not said.parent_node:
        return [] if said.diff == _NO_DIFF else [f"its Diff is {said.diff}, and nothing changed"]
    found = case.proposed(story)
    if said.diff.files != len(found):
        return [f"its Diff says {said.diff}, and {len(found)} files differ"]
    names = [quote_path(edit.path) for edit in found]
    listed = tuple(names) if len(names) <= _LISTED else (*names[:_LISTED], "...")
    faults = [] if said.diff_path == listed else ["its Diff-Path is not what differs"]
    wrong = lines_fault(case.objects, found, said.diff)
    return [*faults, f"its Diff says {said.diff}, and {wrong}"] if wrong else faults


def _against(case: Case, story: Story, terms: Terms) -> tuple[str, ...]:
    said, found = story.propose, case.proposed(story)
    if not said.parent_node:
        stray = tuple(f"a baseline changes {quote_path(edit.path)}" for edit in found)
        return stray if said.agent == "airesearch" else (*stray, "a baseline is proposed by nobody")
    left = {edit.path for edit in found}
    if left & {REFUSED, FAILED}:
        return tuple(
            f"a refused proposal leaves {REFUSED} alone, and {quote_path(path)} differs"
            for path in sorted(left - {REFUSED, FAILED})
        )
    return terms.against(said.agent, Change(found, said.diff, partial(content, case.objects)))
