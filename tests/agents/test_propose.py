"""From an answer to a node: what it cost is recorded, nobody pays twice, and git merges alone."""

import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from airesearch.agents.campaign import Campaign
from airesearch.agents.loop import Step, step
from airesearch.agents.proposers.base import (
    Answer,
    Brief,
    Proposal,
    ProposalFailed,
    ProposerUnavailable,
    Receipt,
)
from airesearch.agents.proposers.registry import Agent
from airesearch.agents.step.measure import measure
from airesearch.agents.step.propose import New, propose
from airesearch.gitlab.desk.desk import Desk
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.record.facts import Operator
from airesearch.gitlab.tree.search_tree import Node
from airesearch.policies.search.policies import Expansion
from toys import TRAIN, airesearch, git, lr, toy

RECEIPT = Receipt("model-1", 1200, 800, 340, 0.0125, 3.5, "asked: lower\nsaid: 0.3\n")
TRAILERS = """\
Model: model-1
Tokens-In: 1200
Tokens-Cached: 800
Tokens-Out: 340
Cost-USD: 0.0125
"""


class Model:
    """Answers with an LR, for money."""

    operators: ClassVar = frozenset({Operator.IMPROVE})

    def __init__(self, answer: str, receipt: Receipt | None = RECEIPT) -> None:
        self.answer, self.receipt = answer, receipt
        self.asked = 0

    def ask(self, desk: Desk, brief: Brief, folder: Path) -> Answer:
        self.asked += 1
        (folder / "notes").write_text("kept\n")
        return Answer(self.answer, self.receipt)

    def stage(self, answer: Answer, folder: Path, desk: Desk) -> Proposal:
        assert (folder / "notes").read_text() == "kept\n"
        if not answer.payload:
            raise ProposalFailed("it said nothing of use")
        if answer.payload == "cheat":
            desk.write("evaluate.py", b"")
        desk.write("train.py", TRAIN.replace("LR = 0.5", f"LR = {answer.payload}").encode())
        return Proposal(f"LR {answer.payload}")


def stepped(folder: Path, proposer: object) -> Step:
    """A step in which `proposer` proposes."""
    campaign = Campaign(open_lab(folder), os.environ)
    campaign.now = replace(campaign.now, team=(Agent("scripted", proposer),))  # type: ignore[arg-type]
    return step(campaign)


def is_true_at_both_gates(folder: Path) -> bool:
    """Whether the audit, and a shared lab's hook, find nothing to say against a lab's nodes."""
    shared = folder.parent / "shared.git"
    git(folder, "clone", "-q", "--bare", ".", str(shared))
    for ref in git(shared, "for-each-ref", "--format=%(refname)", "refs/heads/node").split():
        git(shared, "update-ref", "-d", ref)
    assert airesearch(shared, "hook", "install").code == 0
    git(folder, "push", "-q", str(shared), "refs/heads/node/*:refs/heads/node/*")
    return airesearch(folder, "verify").code == 0


def message(folder: Path, commit: str) -> str:
    return git(folder, "log", "-1", "--format=%B", commit)


def test_a_proposal_says_what_it_cost_and_a_clone_has_its_transcript(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [])
    done = stepped(folder, Model("0.3"))
    assert done.node.value("val_error") == pytest.approx(0.2)
    proposed = str(done.node.proposed)
    said = message(folder, proposed)
    blob = git(folder, "rev-parse", f"{proposed}:research/transcript.txt").strip()
    assert f"{TRAILERS}Transcript: {blob}\n" in said
    assert "Diff: 1 file, +1 -1\nDiff-Path: train.py\nCandidate" in said
    git(tmp_path, "clone", "-q", str(folder), "copy")
    assert git(tmp_path / "copy", "cat-file", "-p", blob) == RECEIPT.transcript
    assert is_true_at_both_gates(folder)


def test_a_price_that_nobody_knows_is_said_to_be_unknown(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [])
    said = message(folder, str(stepped(folder, Model("0.3", Receipt("mine"))).node.proposed))
    assert "Model: mine\nCost-USD: unknown\n" in said and "Transcript" not in said


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [("", "crash", "it said nothing of use"), ("cheat", "denied", "evaluate.py is protected")],
)
def test_what_came_to_nothing_cost_the_same(
    tmp_path: Path, answer: str, status: str, why: str
) -> None:
    folder = toy(tmp_path / "lab", [])
    done = stepped(folder, Model(answer))
    assert done.node.status == status and why in done.node.reason
    assert TRAILERS in message(folder, str(done.node.proposed))
    assert is_true_at_both_gates(folder)


def test_an_agent_may_not_write_a_transcript_itself(tmp_path: Path) -> None:
    turn = {"subject": "said", "write": {"research/transcript.txt": "x", "train.py": "x = 1\n"}}
    folder = toy(tmp_path / "lab", [turn])
    found = airesearch(folder, "step", "--json").json()
    assert found["status"] == "denied" and "research/transcript.txt" in found["reason"]


def test_an_answer_that_was_paid_for_is_used_by_whoever_is_next(tmp_path: Path) -> None:
    class Killed(Model):
        def stage(self, answer: Answer, folder: Path, desk: Desk) -> Proposal:
            raise KeyboardInterrupt

    folder = toy(tmp_path / "lab", [])
    with pytest.raises(KeyboardInterrupt):
        stepped(folder, Killed("0.3"))
    assert (folder / ".git" / "airesearch" / "replies" / "1" / "notes").exists()
    second = Model("0.2")
    done = stepped(folder, second)
    assert (done.node.id, done.node.propose.subject, second.asked) == (1, "LR 0.3", 0)
    assert done.node.propose.model == "model-1"
    assert not list((folder / ".git" / "airesearch" / "replies").iterdir())


def test_a_proposer_that_could_not_work_makes_no_node(tmp_path: Path) -> None:
    class Away(Model):
        def ask(self, desk: Desk, brief: Brief, folder: Path) -> Answer:
            raise ProposerUnavailable("the limit is reached", may_wait=True)

    folder = toy(tmp_path / "lab", [])
    with pytest.raises(ProposerUnavailable, match="limit"):
        stepped(folder, Away(""))
    assert git(folder, "for-each-ref", "refs/heads/node/000001") == ""
    assert not list((folder / ".git" / "airesearch").glob("desks/*"))
    assert stepped(folder, Model("0.3")).node.id == 1


@pytest.mark.parametrize(("code", "may_wait"), [(75, True), (77, False)])
def test_a_command_says_so_by_its_exit_code(tmp_path: Path, code: int, may_wait: bool) -> None:
    command = f"sh -c 'echo edited > train.py; echo not logged in; exit {code}'"
    folder = toy(tmp_path / "lab", [], team={"coder": {"backend": "command", "command": command}})
    with pytest.raises(ProposerUnavailable, match=f"exit {code}: not logged in") as error:
        step(Campaign(open_lab(folder), os.environ))
    assert error.value.may_wait is may_wait
    said = airesearch(folder, "step")
    assert said.code == 1 and "coder cannot work now" in said.err
    assert git(folder, "for-each-ref", "refs/heads/node/000001") == ""


def merged(folder: Path, *parents: int) -> Node:
    """A merge of two nodes, measured."""
    now = Campaign(open_lab(folder), os.environ).now
    expansion = Expansion(tuple(now.tree.nodes[node] for node in parents), Operator.MERGE)
    return measure(now, propose(now, New(now.tree.next_id, (), expansion)), 1)


def test_git_merges_two_nodes_by_itself(tmp_path: Path) -> None:
    extra = {"subject": "a table", "write": {"lib/table.py": "VALUE = 1\n"}}
    folder = toy(tmp_path / "lab", [lr(0.6), extra])
    assert airesearch(folder, "run").code == 0
    node = merged(folder, 1, 2)
    assert node.status == "ok" and node.parents == (1, 2)
    proposed = str(node.proposed)
    assert git(folder, "log", "-1", "--format=%an", proposed) == "airesearch\n"
    ours, theirs = git(folder, "log", "-1", "--format=%P", proposed).split()
    assert [git(folder, "branch", "--contains", side) for side in (ours, theirs)]
    assert "Parent-Node: 1\nParent-Node: 2\nOperator: merge\n" in message(folder, proposed)
    assert "Diff-Path: lib/table.py\nCandidate" in message(folder, proposed)
    assert "LR = 0.6" in git(folder, "show", f"{proposed}:train.py")
    assert git(folder, "show", f"{proposed}:lib/table.py") == "VALUE = 1\n"
    assert is_true_at_both_gates(folder)


def test_a_merge_that_conflicts_names_the_paths(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [lr(0.6), lr(0.7)])
    assert airesearch(folder, "run").code == 0
    node = merged(folder, 1, 2)
    assert node.status == "crash"
    assert node.reason == "the proposer failed: nodes 1 and 2 both changed train.py"
