"""A node with two parents, and ways to lie about them."""

from dataclasses import replace
from pathlib import Path

from airesearch.gitlab.lab.lab import Lab, open_lab
from airesearch.gitlab.names import node_branch
from airesearch.gitlab.record.facts import Operator
from airesearch.gitlab.record.records import Propose
from airesearch.gitlab.store.change import Check, Decision, compare
from airesearch.gitlab.store.trees import edit, read
from forgeries import PROPOSE, Forgery, says
from forging import Forger
from toys import airesearch, lr, toy

ONE, OTHER, MERGE = 1, 2, 3


def parents_of_a_merge(folder: Path) -> Path:
    """Node 1 is better than the baseline, and node 2 has a file more."""
    other = {"subject": "a file", "write": {"lib/other.py": "x = 1\n"}}
    toy(folder, [lr(0.3), other])
    assert airesearch(folder, "run", "--trials", "2").code == 0
    return folder


def propose_merge(lab: Lab, check: Check) -> None:
    """Node 3: node 1 with the file that node 2 added."""
    one, other = (lab.tip(node_branch(node)) for node in (ONE, OTHER))
    assert one is not None and other is not None
    before = lab.tree_of(one)
    after = edit(
        lab.repo, before, {"lib/merged.py": read(lab.repo, lab.tree_of(other), "lib/other.py")}
    )
    change = compare(lab.repo, before, after)
    told = [lab.commit_of(commit.id).message for commit in lab.first_parents(one)]
    protocol = next(line for text in told for line in text.split("\n") if "Protocol: " in line)
    record = Propose(
        agent="scripted",
        subject="both",
        node=MERGE,
        parent_node=(ONE, OTHER),
        operator=Operator.MERGE,
        diff=change.diff,
        diff_path=change.listed,
        candidate=str(lab.without_bus(after)),
        protocol=protocol.removeprefix("Protocol: "),
    )
    lab.commit(node_branch(MERGE), record, after, [one, other], check=check, new=True)


def merged(folder: Path) -> Path:
    """The lab with its merge measured and judged."""
    parents_of_a_merge(folder)
    propose_merge(open_lab(folder), lambda change: Decision())
    said = airesearch(folder, "run", "--trials", "1")
    assert said.code == 0, said.err
    return folder


def other_parent(forger: Forger) -> str:
    """Its second parent is a commit of the baseline, and it says it is node 2."""
    root = forger.steps(0)[-1]
    lie = {PROPOSE: lambda raw: replace(raw, parents=(raw.parents[0], root))}
    return forger.forge(MERGE, lie)


def one_parent(forger: Forger) -> str:
    return forger.forge(MERGE, {PROPOSE: lambda raw: replace(raw, parents=raw.parents[:1])})


def swapped(forger: Forger) -> str:
    return forger.forge(MERGE, {PROPOSE: lambda raw: replace(raw, parents=raw.parents[::-1])})


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "a second parent that is another": (other_parent, "is not on the branch of its Parent-Node 2"),
    "a second parent that is not there": (one_parent, "a propose commit has 1 parents"),
    "parents swapped": (swapped, "is not on the branch of its Parent-Node 1"),
    "another second Parent-Node": (says(MERGE, PROPOSE, "Parent-Node: 2", "Parent-Node: 0"),
                                   "is not on the branch of its Parent-Node 0"),
    "a second Parent-Node of the future": (says(MERGE, PROPOSE, "Parent-Node: 2", "Parent-Node: 9"),
                                           "its Parent-Node 9 is not older than it"),
    "one parent twice": (says(MERGE, PROPOSE, "Parent-Node: 2", "Parent-Node: 1"),
                         "is not on the branch of its Parent-Node 1"),
    "an operator with one parent": (says(MERGE, PROPOSE, "Operator: merge", "Operator: improve"),
                                    "more than one Parent-Node"),
}  # fmt: skip
