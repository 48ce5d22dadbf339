"""Refs and objects that are broken, locked or nobody's: said, and none of ours to remove."""

import os
import subprocess
from pathlib import Path

import pytest
from bad_labs import complains, copied, whole, works
from toys import airesearch, git, lr, toy

TURNS = [lr(0.2), lr(0.4), lr(0.15)]
READS = (["best", "--json"], ["tree", "--json"], ["tree"], ["log", "--json"], ["log"])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = toy(tmp_path_factory.mktemp("template") / "lab", TURNS)
    assert airesearch(folder, "run", "--trials", "2").code == 0
    return folder


@pytest.fixture
def lab(template: Path, tmp_path: Path) -> Path:
    """Baseline 0.4, node 1 kept, node 2 discarded; the next turn is kept."""
    return copied(template, tmp_path / "lab")


def test_a_folder_where_a_ref_should_be(lab: Path) -> None:
    (lab / ".git" / "refs" / "heads" / "node" / "000003").mkdir()
    assert airesearch(lab, "step", "--json").json()["node"] == 3


def _junk(lab: Path, kind: str) -> str:
    if kind == "commit":
        return git(lab, "commit-tree", "-m", "junk", "main^{tree}").strip()
    if kind == "half a record":
        message = "scripted: x\n\nAction: propose\nAgent: scripted\nNode: 7\n"
        return git(lab, "commit-tree", "-p", "main", "-m", message, "main^{tree}").strip()
    if kind == "latin-1":
        env = {**os.environ, "GIT_AUTHOR_NAME": "x"}
        return (
            subprocess.run(
                [
                    "git",
                    "-C",
                    lab,
                    "-c",
                    "i18n.commitEncoding=latin1",
                    "commit-tree",
                    "main^{tree}",
                ],
                input=b"caf\xe9\n\nAction: propose\n",
                capture_output=True,
                check=True,
                env=env,
            )
            .stdout.decode()
            .strip()
        )
    if kind == "annotated tag":
        git(lab, "tag", "-a", "-m", "x", "t", "main")
        return git(lab, "rev-parse", "t").strip()
    return git(lab, "rev-parse", {"blob": "main:train.py", "tree": "main^{tree}"}[kind]).strip()


@pytest.mark.parametrize(
    "kind", ["commit", "half a record", "latin-1", "annotated tag", "blob", "tree"]
)
@pytest.mark.parametrize("number", ["000003", "000700"])
def test_a_node_branch_that_is_no_node(lab: Path, kind: str, number: str) -> None:
    junk = _junk(lab, kind)
    (lab / ".git" / "refs" / "heads" / "node" / number).write_text(f"{junk}\n")
    said = works(airesearch(lab, "log"))
    assert f"node {int(number)} cannot be read" in said.err
    complains(airesearch(lab, "show", str(int(number))), "no node", "airesearch log")
    done = airesearch(lab, "step", "--json").json()
    assert (done["node"], done["promoted"]) == (int(number) + 1, True)
    assert git(lab, "rev-parse", f"refs/heads/node/{number}").strip() == junk
    works(airesearch(lab, "best"))


@pytest.mark.parametrize(
    "ref",
    [
        "refs/tags/node/abc",
        "refs/heads/node/abc",
        "refs/heads/node/5",
        "refs/heads/node/000003/x",
        "refs/tags/node/000003",
        "refs/heads/nodes",
        "refs/remotes/origin/node/000009",
        "refs/tags/main",
    ],
)
def test_names_that_are_nearly_a_node_s(lab: Path, ref: str) -> None:
    git(lab, "update-ref", ref, "main")
    said = airesearch(lab, "step", "--json")
    if ref.endswith("/x"):
        complains(said, "node/000003")
        return
    assert said.json()["promoted"]
    assert git(lab, "status", "--porcelain") == ""


@pytest.mark.parametrize("number", ["999999", "1000000", "9" * 17, "9" * 30])
def test_very_large_node_numbers(lab: Path, number: str) -> None:
    """Up to what an index can hold; longer ones are no node's."""
    git(
        lab,
        "update-ref",
        f"refs/heads/node/{number}",
        git(lab, "commit-tree", "-m", "x", "main^{tree}").strip(),
    )
    done = airesearch(lab, "step", "--json").json()
    assert done["node"] == (int(number) + 1 if len(number) < 18 else 3)
    works(airesearch(lab, "show", str(done["node"])))


def test_a_node_branch_that_is_a_symbolic_ref(lab: Path) -> None:
    git(lab, "symbolic-ref", "refs/heads/node/000003", "refs/heads/main")
    trunk = git(lab, "rev-parse", "main").strip()
    said = airesearch(lab, "step", "--json")
    assert said.code in (0, 1), said.err
    assert "Traceback" not in said.err
    assert git(lab, "rev-list", "--first-parent", "main").count(trunk) == 1
    whole(lab)


def test_a_deleted_node_branch(lab: Path) -> None:
    """The newest id may be given again, an inner gap not; nothing ends in a traceback."""
    git(lab, "branch", "-q", "-D", "node/000001")
    for words in READS:
        said = airesearch(lab, *words)
        if said.code != 0:
            complains(said, "node")
    said = airesearch(lab, "step")
    if said.code != 0:
        complains(said, "node")
    whole(lab)


def test_a_missing_object_is_said(lab: Path) -> None:
    oid = git(lab, "rev-parse", "node/000002").strip()
    (lab / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    said = works(airesearch(lab, "log"))
    assert "node 2 cannot be read" in said.err
    works(airesearch(lab, "best"))


def test_a_damaged_object_is_said(lab: Path) -> None:
    oid = git(lab, "rev-parse", "main:train.py").strip()
    place = lab / ".git" / "objects" / oid[:2] / oid[2:]
    place.chmod(0o644)
    place.write_bytes(b"x" * 10)
    complains(airesearch(lab, "step"), "git fsck")
