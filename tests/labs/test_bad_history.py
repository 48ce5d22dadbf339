"""A lab that other hands touched: commits of people, clones, worktrees, upkeep."""

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from airesearch.gitlab.lab.checkout import files_of
from airesearch.gitlab.lab.lab import open_lab
from bad_labs import AIRESEARCH, branches, commit, complains, copied, files, seen, whole, works
from forging import feed
from toys import EVALUATE, TRAIN, airesearch, git, lr, repository, toy, toy_files

TURNS = [lr(0.2), lr(0.4), lr(0.15), lr(0.12)]
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


def clone(lab: Path, to: Path, *words: str) -> Path:
    git(lab, "clone", "-q", *words, str(lab), str(to))
    return to


@pytest.mark.parametrize("path", ["README.md", "train.py", "evaluate.py"])
def test_a_commit_of_a_person_gets_a_baseline_and_is_never_undone(lab: Path, path: str) -> None:
    text = {
        "README.md": "Read me\n",
        "train.py": f"# by hand\n{TRAIN}",
        "evaluate.py": EVALUATE + "# by hand\n",
    }
    commit(lab, path, text[path])
    done = airesearch(lab, "step", "--json").json()
    assert (done["node"], done["parent"], done["operator"], done["agent"]) == (
        3,
        None,
        "draft",
        "airesearch",
    )
    assert done["promoted"] or done["status"] == "duplicate"
    for _ in range(2):
        works(airesearch(lab, "step"))
    if path != "train.py":
        assert git(lab, "show", f"main:{path}") == text[path]
    assert git(lab, "log", "--format=%s", "main").count("By hand") == 1
    assert git(lab, "status", "--porcelain") == ""
    whole(lab)


@pytest.mark.parametrize("encoding", [b"klingon", b"\xff\x1b[31m", b"ascii"])
def test_a_commit_in_an_encoding_that_nobody_knows_stops_nothing(
    lab: Path, encoding: bytes
) -> None:
    head = git(lab, "cat-file", "commit", "main").partition("\nparent ")[0].encode()
    above = git(lab, "rev-parse", "main").strip().encode()
    who = b"J\xf6rg <j\xf6rg@x.org> %d +0000" % time.time()
    lines = [head, b"parent " + above, b"author " + who, b"committer " + who]
    commit = b"\n".join([*lines, b"encoding " + encoding, b"", b"By hand\n"])
    tip = feed(lab, commit, "hash-object", "-w", "-t", "commit", "--stdin")
    git(lab, "update-ref", "refs/heads/main", tip)
    works(airesearch(lab, "run", "--trials", "2"))
    for words in READS:
        works(airesearch(lab, *words))
    whole(lab)


def test_a_new_task_of_a_person_is_in_force_at_the_next_step(lab: Path) -> None:
    text = (lab / "airesearch.yaml").read_text()
    task = text.replace("replicates: 1", "replicates: 1\n  min_effect: 100.0")
    assert task != text
    commit(lab, "airesearch.yaml", task)
    done = [airesearch(lab, "step", "--json").json() for _ in range(4)]
    assert [step["promoted"] for step in done] == [True, False, False, False]
    assert "min_effect" in done[3]["reason"]
    assert git(lab, "show", "main:airesearch.yaml") == task


def test_a_broken_task_of_a_person_is_said_and_mended(lab: Path) -> None:
    good = (lab / "airesearch.yaml").read_text()
    (lab / "airesearch.yaml").write_text(good.replace("goal:", "gaol:"))
    git(lab, "commit", "-qam", "By hand, past the hook", "--no-verify")
    before = seen(lab)
    complains(airesearch(lab, "step"), "objective.gaol", "line")
    assert seen(lab) == before
    for words in READS:
        said = airesearch(lab, *words)
        if said.code != 0:
            complains(said, "objective.gaol")
    commit(lab, "airesearch.yaml", good)
    works(airesearch(lab, "step"))


def test_a_person_reverts_a_promotion(lab: Path) -> None:
    git(lab, "revert", "--no-edit", "-m", "1", "main")
    done = airesearch(lab, "step", "--json").json()
    assert done["parent"] is None
    assert done["status"] in ("ok", "duplicate")
    works(airesearch(lab, "step"))
    whole(lab)


def test_a_person_resets_trunk_to_before_a_promotion(lab: Path) -> None:
    git(lab, "reset", "-q", "--hard", "main^")
    for _ in range(2):
        works(airesearch(lab, "step"))
    whole(lab)
    assert len(branches(lab)) >= 4


def test_a_person_amends_the_trunk(lab: Path) -> None:
    git(lab, "commit", "-q", "--amend", "-m", "Rewritten by hand")
    works(airesearch(lab, "step"))
    works(airesearch(lab, "step"))
    whole(lab)


def test_a_person_merges_a_branch_of_their_own(lab: Path) -> None:
    git(lab, "checkout", "-q", "-b", "side", "main~1")
    commit(lab, "README.md", "Side\n")
    git(lab, "checkout", "-q", "main")
    git(lab, "merge", "-q", "--no-ff", "-m", "Merge side", "side")
    for _ in range(2):
        works(airesearch(lab, "step"))
    assert git(lab, "show", "main:README.md") == "Side\n"
    whole(lab)


def test_a_commit_of_a_person_during_a_trial(tmp_path: Path) -> None:
    """The trial is measured under the old rules, and never promoted over the new commit."""
    slow = TRAIN.replace("LR = 0.5", "import time; time.sleep(1.5)\nLR = 0.2")
    turns = [{"subject": "slow", "write": {"train.py": slow}}, lr(0.15)]
    folder = toy(tmp_path / "lab", turns)
    worker = subprocess.Popen([*AIRESEARCH, "step", "--json"], cwd=folder, stderr=subprocess.PIPE)
    tip = folder / ".git" / "refs" / "heads" / "node" / "000001"
    _wait(tip.exists)
    hand = commit(folder, "README.md", "Mine\n")
    assert worker.wait(30) in (0, 3)
    assert git(folder, "show", "main:README.md") == "Mine\n"
    assert git(folder, "merge-base", "--is-ancestor", hand, "main") == ""
    works(airesearch(folder, "step"))
    works(airesearch(folder, "step"))
    assert git(folder, "show", "main:README.md") == "Mine\n"
    assert git(folder, "status", "--porcelain") == ""
    whole(folder)


def _wait(ready: object) -> None:
    deadline = time.monotonic() + 20
    while not ready() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.01)


def test_a_clone_answers_and_goes_on(lab: Path, tmp_path: Path) -> None:
    theirs = clone(lab, tmp_path / "clone")
    for words in READS:
        assert works(airesearch(theirs, *words)).out == airesearch(lab, *words).out
    before = seen(lab)
    done = airesearch(theirs, "step", "--json").json()
    assert (done["node"], done["promoted"]) == (3, True)
    assert branches(theirs) == ["node/000003"]
    assert git(theirs, "status", "--porcelain") == ""
    assert seen(lab) == before
    git(theirs, "push", "-q", str(lab), "node/000003")
    whole(theirs)


def test_a_clone_of_a_node_s_branch(lab: Path, tmp_path: Path) -> None:
    theirs = clone(lab, tmp_path / "clone", "-b", "node/000001")
    head = git(theirs, "symbolic-ref", "HEAD")
    before = files(theirs)
    assert works(airesearch(theirs, "best", "--json")).out == airesearch(lab, "best", "--json").out
    assert airesearch(theirs, "step", "--json").json()["promoted"]
    assert (git(theirs, "symbolic-ref", "HEAD"), files(theirs)) == (head, before)
    whole(theirs)


def test_a_clone_with_another_name_for_the_remote(lab: Path, tmp_path: Path) -> None:
    theirs = clone(lab, tmp_path / "clone", "-o", "upstream")
    assert works(airesearch(theirs, "best", "--json")).out == airesearch(lab, "best", "--json").out


def test_a_clone_of_one_branch_says_what_it_lacks(lab: Path, tmp_path: Path) -> None:
    """Its trunk names promotions whose nodes are not here: no answer may be made up."""
    theirs = clone(lab, tmp_path / "clone", "--single-branch")
    before = seen(theirs)
    said = airesearch(theirs, "step")
    complains(said, "git fetch")
    assert replace(seen(theirs), ours=before.ours) == before


def test_an_interrupted_node_goes_on_in_a_clone(lab: Path, tmp_path: Path) -> None:
    git(lab, "update-ref", "refs/heads/node/000002", "node/000002~1")
    theirs = clone(lab, tmp_path / "clone")
    done = airesearch(theirs, "step", "--json").json()
    assert (done["node"], done["verdict"]) == (3, "keep"), "the other wanted a verdict only"
    assert airesearch(theirs, "show", "2", "--json").json()["verdict"] == "discard"
    assert branches(theirs) == ["node/000002", "node/000003"]
    whole(theirs)


def test_a_linked_worktree(lab: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    git(lab, "worktree", "add", "-q", "-b", "side", str(tree))
    for words in READS:
        assert works(airesearch(tree, *words)).out == airesearch(lab, *words).out
    mine = files(tree)
    assert airesearch(tree, "step", "--json").json()["promoted"]
    assert files(tree) == mine
    assert git(tree, "status", "--porcelain") == ""
    whole(lab)


def test_trunk_checked_out_in_another_worktree_follows_or_is_said(
    lab: Path, tmp_path: Path
) -> None:
    """A step from a linked worktree moves the branch under the main checkout's feet."""
    tree = tmp_path / "tree"
    git(lab, "worktree", "add", "-q", "-b", "side", str(tree))
    said = works(airesearch(tree, "step"))
    assert git(lab, "status", "--porcelain") == "" or "left at" in said.err


def test_a_git_folder_that_lies_elsewhere_has_its_checkout(tmp_path: Path) -> None:
    """Only the checkout knows where it is then, and libgit2 would take the folder above."""
    root = repository(tmp_path / "a" / "lab", toy_files([lr(0.2), lr(0.15)]))
    (tmp_path / "b").mkdir()
    git(root, "init", "-q", "--separate-git-dir", str(tmp_path / "b" / "its.git"))
    works(airesearch(root, "init"))
    works(airesearch(root, "step"))
    assert [one.name for one in (tmp_path / "b").iterdir()] == ["its.git"]
    assert "LR = 0.2" in (root / "train.py").read_text(), "the checkout followed"
    assert git(root, "status", "--porcelain") == ""
    assert files_of(open_lab(root).repo) == [root]
    # From another worktree nobody can tell where the labels lie that are to be hidden.
    git(root, "worktree", "add", "-q", "-b", "side", str(tmp_path / "c"))
    complains(airesearch(tmp_path / "c", "step"), "core.worktree")
    git(root, "config", "core.worktree", str(root))
    works(airesearch(tmp_path / "c", "step"))
    assert "LR = 0.15" in (root / "train.py").read_text()
    assert files_of(open_lab(tmp_path / "c").repo) == [root, tmp_path / "c"]
    whole(root)


def test_a_worktree_of_a_node(lab: Path, tmp_path: Path) -> None:
    git(lab, "worktree", "add", "-q", str(tmp_path / "node"), "node/000001")
    works(airesearch(tmp_path / "node", "step"))
    assert git(tmp_path / "node", "status", "--porcelain") == ""


def test_caches_may_go_at_any_time(lab: Path) -> None:
    works(airesearch(lab, "step"))
    shutil.rmtree(lab / ".git" / "airesearch")
    assert airesearch(lab, "step", "--json").json()["node"] == 4
    whole(lab)


def test_packed_and_collected(lab: Path) -> None:
    git(lab, "pack-refs", "--all")
    works(airesearch(lab, "step"))
    git(lab, "gc", "-q", "--prune=now", "--aggressive")
    assert airesearch(lab, "step", "--json").json()["node"] == 4
    complains(airesearch(lab, "step"), code=3)
    git(lab, "pack-refs", "--all", "--prune")
    assert len(airesearch(lab, "log", "--json").json()) == 5
    whole(lab)


@pytest.mark.parametrize("lost", ["branches deleted", "cloned alone"])
def test_without_the_incumbent_s_branch_nothing_worse_is_promoted(
    tmp_path: Path, lost: str
) -> None:
    folder = toy(tmp_path / "lab", [lr(0.45), lr(0.2)])
    works(airesearch(folder, "run"))
    if lost == "branches deleted":
        git(folder, "branch", "-q", "-D", "node/000001", "node/000002")
    else:
        folder = clone(folder, tmp_path / "clone", "--single-branch")
    for _ in range(2):
        said = airesearch(folder, "step")
        assert said.code in (0, 1, 3), said.err
    assert "LR = 0.2" in git(folder, "show", "main:train.py"), "0.1 was measured; this is worse"
    whole(folder)


def test_the_trunk_was_renamed(lab: Path) -> None:
    git(lab, "branch", "-m", "main", "trunk")
    said = airesearch(lab, "step")
    if said.code != 0:
        complains(said, "main", "git config airesearch.trunk")
        git(lab, "config", "airesearch.trunk", "trunk")
        works(airesearch(lab, "step"))


def test_two_branches_hold_a_task(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    git(folder, "branch", "other")
    git(folder, "checkout", "-q", "--detach")
    complains(airesearch(folder, "step"), "more than one branch", "git config airesearch.trunk")
    complains(airesearch(folder, "log"), "git config airesearch.trunk main")


def test_init_twice(lab: Path) -> None:
    before = seen(lab)
    complains(airesearch(lab, "init"), "already is a lab", "airesearch run")
    assert seen(lab) == before


def test_a_step_before_init(tmp_path: Path) -> None:
    """A repository with a committed task is a lab; the first step measures its baseline."""
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    complains(airesearch(folder, "best"), "airesearch step")
    for words in (["log"], ["tree"], ["status"], ["log", "--json"], ["tree", "--json"]):
        works(airesearch(folder, *words))
    complains(airesearch(folder, "show", "0"), "no nodes yet")
    assert airesearch(folder, "step", "--json").json()["promoted"]


def test_a_base_that_was_measured_before_is_measured_again(lab: Path) -> None:
    """A person takes a winner back: the old code is the baseline again, and none wins unopposed."""
    before = airesearch(lab, "best", "--json").json()
    assert before["node"] > 0
    for merge in git(lab, "log", "--merges", "--format=%H", "main").split()[:-1]:
        git(lab, "revert", "-m", "1", "--no-edit", merge)
    done = airesearch(lab, "step", "--json").json()
    assert (done["status"], done["verdict"]) == ("ok", "keep")
    again = airesearch(lab, "best", "--json").json()
    assert again["metric"]["value"] == before["baseline"]
    whole(lab)
    assert airesearch(lab, "verify").code == 0
