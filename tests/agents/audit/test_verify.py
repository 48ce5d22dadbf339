"""`airesearch verify` on labs that are true, wherever they stand, and on rewritten history."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from forging import Forger, audited
from labs_to_verify import healthy
from toys import airesearch, code, git, lr, repository, toy, toy_files


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `labs_to_verify`."""
    return healthy(tmp_path_factory.mktemp("verify") / "lab")


@pytest.fixture
def copy(lab: Path, tmp_path: Path) -> Path:
    """The lab to spoil."""
    return Path(shutil.copytree(lab, tmp_path / "copy", symlinks=True))


def test_a_healthy_lab_is_true(lab: Path) -> None:
    said = airesearch(lab, "verify")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("15 nodes, ")
    facts = airesearch(lab, "verify", "--json").json()
    assert facts["nodes"] == 15
    assert facts["objects"] > 100
    assert facts["falsehoods"] == []


@pytest.mark.parametrize("how", [[], ["--mirror"], ["--bare"], ["--single-branch"]])
def test_clones_are_true(how: list[str], lab: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", *how, f"file://{lab}", "clone")
    found = audited(tmp_path / "clone")
    assert found.violations == []
    assert found.nodes == (7 if how == ["--single-branch"] else 15)


def test_a_packed_lab_and_its_worktrees_are_true(copy: Path, tmp_path: Path) -> None:
    git(copy, "gc", "-q", "--prune=now")
    git(copy, "worktree", "add", "-q", str(tmp_path / "tree"), "node/000003")
    assert audited(tmp_path / "tree").nodes == 15
    assert audited(tmp_path / "tree").violations == []


def test_a_clone_that_works_on_is_true(lab: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(lab), "clone")
    clone = tmp_path / "clone"
    git(clone, "config", "airesearch.trunk", "main")
    assert airesearch(clone, "run", "--trials", "2").code == 0
    found = audited(clone)
    assert (found.nodes, found.violations) == (17, [])


def test_four_workers_at_once_leave_a_true_lab(tmp_path: Path) -> None:
    rates = (0.3, 0.4, 0.3, 0.15, 0.15, 0.2, 0.12, 0.11)
    lab = toy(tmp_path / "lab", [lr(rate, subject=f"turn {n}") for n, rate in enumerate(rates)])
    git(lab, "checkout", "-q", "--detach")  # the branches are what they race for, not the files
    run = [sys.executable, "-m", "airesearch", "run"]
    workers = [subprocess.Popen(run, cwd=lab, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert {worker.wait() for worker in workers} <= {0, 3}  # 3: nothing was left to do
    found = audited(lab)
    assert (found.nodes, found.violations) == (9, [])


def test_odd_changes_are_told_as_they_were(tmp_path: Path) -> None:
    """Many paths, odd names, no last line break, control characters, nothing at all; gates."""
    many = {f"lib/{n:02d}.py": "x = 1" for n in range(23)}
    odd = {'lib/ä \u2028".txt': "a\x01\x02b\n" * 9, "lib/b": "\n\n\nä", "lib/-": ""}
    turns = [
        {"subject": "many", "write": many},
        {"subject": "odd", "write": odd},
        {
            "subject": "gone",
            "remove": ["lib/00.py", "lib/b"],
            "write": {"lib/01.py": "y\nx = 1\ny"},
        },
        {"subject": "nothing"},
        lr(0.2),
    ]
    gates = [{"metric": "diff_lines", "max": 20}, {"metric": "peak_memory_mb", "min": 0}]
    lab = toy(tmp_path / "lab", turns, constraints=gates)
    assert airesearch(lab, "run").code == 0
    statuses = git(lab, "log", "--all", "--format=%(trailers:key=Status,valueonly)").split()
    assert {"gate", "ok", "duplicate"} <= set(statuses)
    assert audited(lab).violations == []


def test_a_lab_that_takes_the_candidates_word_is_true(tmp_path: Path) -> None:
    said = {"metric": "score", "goal": "maximize", "pattern": "score=(.*)"}
    turns = [code("print('score=2')"), code("print('score=x')"), code("print('score=1e3')")]
    files = {**toy_files(turns, objective=said, evaluate=None), "train.py": "print('score=1')\n"}
    files["airesearch.yaml"] = files["airesearch.yaml"].replace("evaluate: null\n", "")
    repository(tmp_path / "lab", files)
    assert airesearch(tmp_path / "lab", "init").code == 0
    assert airesearch(tmp_path / "lab", "run").code == 0
    found = audited(tmp_path / "lab")
    assert (found.nodes, found.violations) == (4, [])


def test_people_may_write_what_they_like_before_the_lab(tmp_path: Path) -> None:
    repository(tmp_path / "lab", toy_files([lr(0.3)]))
    git(tmp_path / "lab", "commit", "-q", "--allow-empty", "-m", "Odd\n\nAction: none of yours")
    git(tmp_path / "lab", "commit", "-q", "--allow-empty", "-m", "Fine")
    assert airesearch(tmp_path / "lab", "init").code == 0
    assert airesearch(tmp_path / "lab", "run").code == 0
    assert audited(tmp_path / "lab").violations == []


def test_a_falsehood_is_an_exit_code_and_a_line(lab: Path, tmp_path: Path) -> None:
    forger = Forger(lab, tmp_path / "lab")
    commit = forger.forge(10, {2: lambda raw: raw.say("Verdict: discard", "Verdict: keep")})
    said = airesearch(forger.folder, "verify")
    assert said.code == 1
    assert said.out.startswith(f"{commit}  node/000010  ")
    assert "git show" in said.err
    found = json.loads(airesearch(forger.folder, "verify", "--json").out)["falsehoods"]
    assert {one["commit"] for one in found} == {commit}


def test_a_range_limits_what_is_reported(lab: Path, tmp_path: Path) -> None:
    forger = Forger(lab, tmp_path / "lab")
    forger.forge(10, {2: lambda raw: raw.say("Verdict: discard", "Verdict: keep")})
    code = {
        words: airesearch(forger.folder, "verify", words).code
        for words in ("10", "9", "node/000010", "main", "main..node/000010", "HEAD~2..HEAD")
    }
    assert code == {"10": 1, "9": 0, "node/000010": 1, "main": 0, "main..node/000010": 1,
                    "HEAD~2..HEAD": 0}  # fmt: skip


@pytest.mark.parametrize("words", ["99", "nowhere", "main..nowhere"])
def test_a_range_that_names_nothing_is_an_error(words: str, lab: Path) -> None:
    said = airesearch(lab, "verify", words)
    assert said.code == 1
    assert "there is no" in said.err
    assert said.out == ""


def test_what_cannot_be_audited_is_said(lab: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{lab}", "shallow")
    assert "shallow" in airesearch(tmp_path / "shallow", "verify").err
    assert "not in a git repository" in airesearch(tmp_path, "verify").err
    repository(tmp_path / "other", {"a": "b"})
    assert "no branch holds" in airesearch(tmp_path / "other", "verify").err


def lost(copy: Path) -> set[str]:
    """The commits that an audit says a branch lost."""
    return {one.commit for one in audited(copy).violations if "lost" in one.what}


def test_a_rewritten_branch_is_told_by_its_reflog(copy: Path) -> None:
    tip = git(copy, "rev-parse", "node/000010").strip()
    git(copy, "update-ref", "refs/heads/node/000010", "node/000010~1")
    assert lost(copy) == {tip}


def test_a_rewritten_branch_is_told_by_the_last_audit(copy: Path) -> None:
    assert audited(copy).violations == []
    shutil.rmtree(copy / ".git" / "logs")
    tip = git(copy, "rev-parse", "node/000010").strip()
    (copy / ".git/refs/heads/node/000010").write_text(git(copy, "rev-parse", "node/000010~1"))
    assert lost(copy) == {tip}
    shutil.rmtree(copy / ".git" / "airesearch")
    assert lost(copy) == set()


def test_a_lost_promotion_is_told(copy: Path) -> None:
    tip = git(copy, "rev-parse", "main").strip()
    git(copy, "reset", "-q", "--hard", "HEAD~1")
    assert lost(copy) == {tip}


def test_people_may_amend_their_own_commits(copy: Path) -> None:
    git(copy, "commit", "-q", "--allow-empty", "-m", "Draft")
    git(copy, "commit", "-q", "--allow-empty", "--amend", "-m", "Final")
    assert audited(copy).violations == []


def test_a_deleted_branch_is_told(copy: Path) -> None:
    assert audited(copy).violations == []
    tip = git(copy, "rev-parse", "node/000013").strip()
    git(copy, "branch", "-qD", "node/000013")
    found = audited(copy).violations
    assert [one.what for one in found if one.commit == tip] == [
        "the branch was deleted: an earlier audit saw it here"
    ]
    shutil.rmtree(copy / ".git" / "airesearch")
    assert ["node 13 is not here" in one.what for one in audited(copy).violations] == [True]


def test_branches_that_parted_are_told(copy: Path, lab: Path) -> None:
    git(copy, "remote", "add", "origin", str(lab))
    git(copy, "fetch", "-q", "origin")
    assert audited(copy).violations == []
    shutil.rmtree(copy / ".git" / "airesearch")
    forger = Forger(copy, copy.parent / "parted")
    theirs = forger.steps(10)[-1]
    forger.forge(10, {2: lambda raw: raw.later(5)})
    found = audited(forger.folder).violations
    assert [(one.commit, one.branch) for one in found] == [(theirs, "origin/node/000010")]


def test_no_mark_is_left_where_something_is_false(copy: Path) -> None:
    shutil.rmtree(copy / ".git" / "airesearch", ignore_errors=True)
    git(copy, "branch", "-qD", "node/000004")
    assert audited(copy).violations
    assert not (copy / ".git" / "airesearch" / "audited.json").exists()


def test_a_mark_that_is_no_mark_is_no_matter(copy: Path) -> None:
    for text in ("", "[]", '{"a": 1}', "\0"):
        (copy / ".git" / "airesearch").mkdir(exist_ok=True)
        (copy / ".git" / "airesearch" / "audited.json").write_text(text)
        assert audited(copy).violations == []
