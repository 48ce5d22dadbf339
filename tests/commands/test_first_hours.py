"""What a new user meets in the first hours says what is missing and what to type."""

from pathlib import Path

import pytest
from bad_labs import complains, works
from noisy import noisy, turn
from toys import EVALUATE, airesearch, git, lr, repository, toy, toy_files

SEALED = EVALUATE.replace("score = ", "labels = open('private/labels').read()\nscore = ")


def sealed(folder: Path) -> Path:
    """A lab whose evaluator reads private/."""
    return repository(folder, {**toy_files([lr(0.2)]), "evaluate.py": SEALED})


@pytest.mark.parametrize("ignored", [False, True])
def test_private_data_that_is_not_committed(tmp_path: Path, ignored: bool) -> None:
    lab = sealed(tmp_path / "lab")
    (lab / "private").mkdir()
    (lab / "private" / "labels").write_text("1")
    if ignored:
        (lab / ".gitignore").write_text("private/\n")
        git(lab, "add", ".gitignore")
        git(lab, "commit", "-qm", "Ignore it")
    complains(airesearch(lab, "init"), "it reads private/", "git add -f private")
    git(lab, "add", "-f", "private")
    git(lab, "commit", "-qm", "Private data")
    works(airesearch(lab, "init"))


def test_private_data_that_is_nowhere(tmp_path: Path) -> None:
    complains(airesearch(sealed(tmp_path / "lab"), "init"), "it reads private/, and none is commit")


def test_show_has_what_a_proposer_failed_with(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [{"subject": "x", "error": "first line\nthe service is down"}])
    works(airesearch(lab, "run"))
    out = airesearch(lab, "show", "1").out
    assert "what the proposer failed with:" in out
    assert "  the service is down" in out.splitlines()


RULES = {
    "airesearch.yaml": ("mutations: 3\n", "mutations"),
    "policies/scripted.yaml": ("raed: []\n", "raed"),
    "policies/nobody.yaml": ("read: []\n", "is the policy of no agent"),
}


@pytest.mark.parametrize("path", RULES)
def test_rules_that_no_step_could_read_are_not_committed(tmp_path: Path, path: str) -> None:
    lab = toy(tmp_path / "lab", [lr(0.2)])
    (lab / "policies").mkdir()
    text, said = RULES[path]
    with (lab / path).open("a") as file:
        file.write(text)
    git(lab, "add", path)
    with pytest.raises(AssertionError, match=said):
        git(lab, "commit", "-qm", "New rules")
    git(lab, "commit", "-qm", "New rules", "--no-verify")
    complains(airesearch(lab, "step"), said)
    (lab / "notes.md").write_text("mine\n")  # what was there before keeps nobody from other work
    git(lab, "add", "notes.md")
    git(lab, "commit", "-qm", "Notes")


def test_verify_says_where_recovery_is_told(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [lr(0.2)])
    works(airesearch(lab, "step"))
    git(lab, "update-ref", "refs/heads/node/000003", "node/000001")
    complains(airesearch(lab, "verify"), "docs/policy.md, Recovery")


def test_replicate_says_what_an_undecided_node_needs(tmp_path: Path) -> None:
    lab = noisy(tmp_path / "lab", [turn(2.0)])
    works(airesearch(lab, "step"))
    said = works(airesearch(lab, "replicate", "1"))
    assert airesearch(lab, "show", "1", "--json").json()["outcome"] == "undecided"
    assert "node 1 is undecided: a verdict takes more trials" in said.err
    assert "airesearch run" in said.err
