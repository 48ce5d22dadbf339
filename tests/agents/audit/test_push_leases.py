"""The shared lab takes the leases of workers, and nothing else beside branches and tags."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pushes import shared_lab
from toys import git, toy

LEASE = "refs/airesearch/lease/000005"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("push")
    lab = toy(folder / "lab", [])
    git(lab, "remote", "add", "origin", str(shared_lab(folder / "shared.git")))
    git(lab, "push", "-q", "origin", "--all")
    return lab


@pytest.fixture
def lab(made: Path) -> Iterator[Path]:
    yield made
    shared = made.parent / "shared.git"
    git(shared, "config", "airesearch.pusher", "")
    for ref in git(shared, "for-each-ref", "--format=%(refname)", "refs/airesearch").split():
        git(shared, "update-ref", "-d", ref)


def blob(lab: Path, size: int = 100) -> str:
    argv = ["git", "-C", str(lab), "hash-object", "-w", "--stdin"]
    content = b"x" * size
    done = subprocess.run(argv, input=content, capture_output=True, check=True)
    return done.stdout.decode().strip()


def push(lab: Path, *words: str) -> str:
    """What git says of a push that failed; nothing where it did not."""
    argv = ["git", "-C", str(lab), "push", "origin", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def test_a_lease_is_set_renewed_and_taken_away(lab: Path) -> None:
    assert push(lab, f"{blob(lab)}:{LEASE}") == ""
    assert push(lab, "--force", f"{blob(lab, 4096)}:{LEASE}") == ""
    assert LEASE in git(lab, "ls-remote", "origin")
    assert push(lab, f":{LEASE}") == ""
    assert LEASE not in git(lab, "ls-remote", "origin")
    assert push(lab, f"{blob(lab, 0)}:refs/airesearch/lease/1234567") == ""


@pytest.mark.parametrize(
    "name", ["5", "0000005", "00005", "000005/x", "x", "000005.x", "node/000005", "٠٠٠٠٠٥"]
)
def test_what_is_not_named_like_a_lease(lab: Path, name: str) -> None:
    assert "is no lease's name" in push(lab, f"{blob(lab)}:refs/airesearch/lease/{name}")
    assert "refs/airesearch" not in git(lab, "ls-remote", "origin")


@pytest.mark.parametrize(
    "ref", ["refs/airesearch/leases/000005", "refs/airesearch/x", "refs/notes/commits", "refs/x/y"]
)
def test_other_refs_stay_closed(lab: Path, ref: str) -> None:
    assert "only branches, tags and leases are" in push(lab, f"main:{ref}")
    assert "would hold no commit" in push(lab, f"{blob(lab)}:{ref}")


def test_what_is_no_small_blob(lab: Path) -> None:
    for value in (blob(lab, 4097), "main", "main^{tree}"):
        assert "a blob of at most 4096 bytes" in push(lab, f"{value}:{LEASE}")
    git(lab, "tag", "-f", "-a", "-m", "a tag of a blob", "odd", blob(lab))
    assert "a blob of at most 4096 bytes" in push(lab, f"refs/tags/odd:{LEASE}")
    git(lab, "tag", "-d", "odd")


def test_a_lease_beside_a_branch_that_is_refused(lab: Path) -> None:
    said = push(lab, f"{blob(lab)}:{LEASE}", "main:refs/heads/node/000001")
    assert "on the branch of node 1, it records nothing" in said
    assert LEASE not in said.replace(f"-> {LEASE}", "")
    assert LEASE not in git(lab, "ls-remote", "origin")


def test_who_may_push_no_agent_s_commits_holds_no_node(lab: Path) -> None:
    assert push(lab, f"{blob(lab)}:{LEASE}") == ""
    git(lab.parent / "shared.git", "config", "airesearch.pusher", "no: one")
    for words in ((f"{blob(lab)}:refs/airesearch/lease/000006",), (f":{LEASE}",)):
        assert "may push no agent's commits" in push(lab, *words)
    assert LEASE in git(lab, "ls-remote", "origin")
