"""Uncommitted work: a promotion moves the branch and leaves every byte of it."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_labs import Seen, commit, complains, copied, seen, whole, works
from pushes import shared_lab
from toys import airesearch, git, lr, repository, toy, toy_files

NEW_FILE = {"subject": "new file", "write": {"lib/new.py": "X = 1\n"}}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = lr(0.2)
    kept["write"]["lib/new.py"] = "X = 1\n"
    return toy(tmp_path_factory.mktemp("template") / "lab", [kept, lr(0.15)])


@pytest.fixture
def lab(template: Path, tmp_path: Path) -> Path:
    """A measured toy lab whose next turn changes train.py, adds lib/new.py, and is kept."""
    return copied(template, tmp_path / "lab")


def staged(folder: Path) -> None:
    (folder / "notes.md").write_text("staged\n")
    git(folder, "add", "notes.md")


def unstaged(folder: Path) -> None:
    (folder / "evaluate.py").write_text("# half done\n")


def untracked(folder: Path) -> None:
    (folder / "notes.md").write_text("mine\n")


def staged_and_changed(folder: Path) -> None:
    (folder / "train.py").write_text("staged = 1\n")
    git(folder, "add", "train.py")
    (folder / "train.py").write_text("changed = 2\n")


def promoted_file(folder: Path) -> None:
    (folder / "train.py").write_text("# my own idea\n")


def deleted(folder: Path) -> None:
    (folder / "train.py").unlink()


def staged_removal(folder: Path) -> None:
    git(folder, "rm", "-q", "--cached", "train.py")


def renamed(folder: Path) -> None:
    git(folder, "mv", "train.py", "model.py")


def intent_to_add(folder: Path) -> None:
    (folder / "draft.py").write_text("draft\n")
    git(folder, "add", "-N", "draft.py")


def stashed(folder: Path) -> None:
    (folder / "train.py").write_text("# stashed\n")
    git(folder, "stash", "-q")


def in_the_way(folder: Path) -> None:
    (folder / "lib").mkdir()
    (folder / "lib" / "new.py").write_text("# mine, never added\n")


def ignored_in_the_way(folder: Path) -> None:
    in_the_way(folder)
    (folder / ".git" / "info" / "exclude").write_text("lib/\n")


def file_in_the_way(folder: Path) -> None:
    (folder / "lib").write_text("a file, where a folder will be\n")


def conflict(folder: Path) -> None:
    git(folder, "checkout", "-q", "-b", "theirs")
    commit(folder, "train.py", "theirs = 1\n")
    git(folder, "checkout", "-q", "main")
    tip = git(folder, "rev-parse", "HEAD")
    (folder / ".git" / "MERGE_HEAD").write_text(git(folder, "rev-parse", "theirs"))
    blobs = [git(folder, "rev-parse", f"{at}:train.py").strip() for at in (tip.strip(), "theirs")]
    lines = "".join(f"100644 {blob} {n}\ttrain.py\n" for n, blob in enumerate(blobs, 2))
    gone = f"0 {'0' * 40} 0\ttrain.py\n"
    subprocess.run(
        ["git", "-C", folder, "update-index", "--index-info"],
        input=(gone + lines).encode(),
        check=True,
    )


def staged_revert(folder: Path) -> None:
    git(folder, "revert", "--no-commit", "-m", "1", "main")


def assumed_unchanged(folder: Path) -> None:
    git(folder, "update-index", "--assume-unchanged", "train.py")
    (folder / "train.py").write_text("# git was told not to look\n")


def skipped(folder: Path) -> None:
    git(folder, "update-index", "--skip-worktree", "train.py")
    (folder / "train.py").write_text("# a local setting\n")


def index_locked(folder: Path) -> None:
    (folder / ".git" / "index.lock").write_text("")


DIRTY = [
    staged, unstaged, untracked, staged_and_changed, promoted_file, deleted, staged_removal,
    renamed, intent_to_add, stashed, in_the_way, ignored_in_the_way, file_in_the_way, conflict,
    staged_revert, assumed_unchanged, skipped, index_locked,
]  # fmt: skip
FOLLOWS = (untracked, stashed)
"""Cases where the checkout is clean to git, so that it follows."""


def kept_all(before: Seen, after: Seen) -> None:
    """Every file and index entry is as it was; the refs that were there, too, but for the trunk."""
    assert after.files == before.files
    assert after.index == before.index
    assert (after.head, after.stash) == (before.head, before.stash)


@pytest.mark.parametrize("dirt", DIRTY)
def test_a_promotion_leaves_uncommitted_work_alone(lab: Path, dirt: Callable[[Path], None]) -> None:
    dirt(lab)
    before, trunk = seen(lab), git(lab, "rev-parse", "main").strip()
    said = works(airesearch(lab, "step"))
    after = seen(lab)
    (lab / ".git" / "index.lock").unlink(missing_ok=True)
    whole(lab)
    if dirt in FOLLOWS:
        assert said.err == ""
        mine = {path: file for path, file in before.files.items() if path == "notes.md"}
        assert {path: after.files.get(path) for path in mine} == mine
        assert (after.head, after.stash) == (before.head, before.stash)
        assert "LR = 0.2" in (lab / "train.py").read_text()
        return
    kept_all(before, after)
    assert f"left at {trunk[:10]}" in said.err
    assert "to bring it up to date" in said.err


@pytest.mark.parametrize("dirt", [staged, unstaged, intent_to_add, renamed, deleted])
def test_the_command_that_is_named_brings_the_checkout_up_to_date(
    lab: Path, dirt: Callable[[Path], None]
) -> None:
    """What the user changed stays changed, and nothing else differs from the new trunk."""
    dirt(lab)
    mine = {line[3:] for line in git(lab, "status", "--porcelain", "--no-renames").splitlines()}
    said = works(airesearch(lab, "step"))
    if dirt in (renamed, deleted):
        return
    subprocess.run(named_command(said.err), shell=True, cwd=lab, check=True)
    left = {line[3:] for line in git(lab, "status", "--porcelain", "--no-renames").splitlines()}
    assert left == mine
    # The next promotion leaves it where it is now, and its command works as well.
    again = works(airesearch(lab, "step"))
    subprocess.run(named_command(again.err), shell=True, cwd=lab, check=True)
    left = {line[3:] for line in git(lab, "status", "--porcelain", "--no-renames").splitlines()}
    assert left == mine
    assert "LR = 0.15" in git(lab, "show", ":train.py")


def named_command(err: str) -> str:
    return err[err.index("your changes: ") :].removeprefix("your changes: ").splitlines()[0]


def test_a_file_that_both_changed_is_merged_by_the_command(lab: Path) -> None:
    text = (lab / "train.py").read_text()
    (lab / "train.py").write_text(f"{text}\n\n\n# mine\n")
    said = works(airesearch(lab, "step"))
    subprocess.run(named_command(said.err), shell=True, cwd=lab, check=True)
    text = (lab / "train.py").read_text()
    assert "LR = 0.2" in text
    assert text.endswith("# mine\n")
    assert git(lab, "diff", "HEAD", "--stat").split()[0] == "train.py"
    again = works(airesearch(lab, "step"))
    subprocess.run(named_command(again.err), shell=True, cwd=lab, check=True)
    assert "LR = 0.15" in (lab / "train.py").read_text()


@pytest.mark.parametrize("by_hook", [False, True], ids=["printed by run", "printed by the hook"])
def test_no_file_that_git_does_not_know_is_written_over(lab: Path, by_hook: bool) -> None:
    text = (lab / "train.py").read_text()
    (lab / "train.py").write_text(f"{text}\n\n\n# mine\n")
    in_the_way(lab)
    said = works(airesearch(lab, "step")).err
    if by_hook:
        words = ["git", "commit", "-am", "Mine"]
        said = subprocess.run(words, cwd=lab, capture_output=True, text=True).stderr
    done = subprocess.run(named_command(said), shell=True, cwd=lab, capture_output=True, text=True)
    assert done.returncode != 0
    assert (lab / "lib" / "new.py").read_text() == "# mine, never added\n"
    assert "# mine" in (lab / ".git" / "mine.patch").read_text()


def test_a_commit_of_what_was_left_behind_takes_no_promotion_back(lab: Path) -> None:
    staged(lab)
    said = works(airesearch(lab, "step"))
    done = subprocess.run(["git", "commit", "-m", "Mine"], cwd=lab, capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        "would take back what was promoted since, in lib/new.py, research/result.json"
        in done.stderr
    )
    assert named_command(done.stderr) == named_command(said.err)
    subprocess.run(named_command(done.stderr), shell=True, cwd=lab, check=True)
    git(lab, "commit", "-m", "Mine")
    assert git(lab, "show", "--name-only", "--format=", "HEAD").split() == ["notes.md"]


def test_a_change_of_ones_own_to_a_promoted_file_may_be_committed(lab: Path) -> None:
    staged_and_changed(lab)
    works(airesearch(lab, "step"))
    done = subprocess.run(["git", "commit", "-m", "Mine"], cwd=lab, capture_output=True, text=True)
    assert "lib/new.py" in done.stderr
    assert "train.py" not in done.stderr


@pytest.mark.parametrize("dirt", [staged, unstaged, untracked, staged_and_changed, conflict])
def test_init_leaves_uncommitted_work_alone(tmp_path: Path, dirt: Callable[[Path], None]) -> None:
    """The task is committed before; what is uncommitted is not touched by the baseline."""
    fresh = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    dirt(fresh)
    before = seen(fresh)
    said = works(airesearch(fresh, "init"))
    after = seen(fresh)
    for path, file in before.files.items():
        assert after.files[path] == file
    if dirt is untracked:
        return
    kept_all(before, after)
    assert "uncommitted" in said.err
    whole(fresh)


@pytest.mark.parametrize("dirt", [staged, unstaged, untracked, staged_and_changed])
def test_an_untracked_task_is_the_one_thing_init_takes(
    tmp_path: Path, dirt: Callable[[Path], None]
) -> None:
    files = toy_files([lr(0.2)])
    task = files.pop("airesearch.yaml")
    fresh = repository(tmp_path / "lab", files)
    (fresh / "airesearch.yaml").write_text(task)
    dirt(fresh)
    before, head = seen(fresh), git(fresh, "rev-parse", "HEAD").strip()
    works(airesearch(fresh, "init"))
    after = seen(fresh)
    for path, file in before.files.items():
        assert after.files[path] == file
    started = git(fresh, "rev-list", "--first-parent", "--reverse", f"{head}..main").split()[0]
    assert git(fresh, "diff", "--name-only", head, started).split() == ["airesearch.yaml"]
    assert git(fresh, "show", f"{started}:airesearch.yaml") == task
    without = [line for line in after.index.split("\0") if "airesearch.yaml" not in line]
    if dirt is not untracked:
        assert without == before.index.split("\0")


def test_a_staged_and_then_changed_task_is_not_lost(tmp_path: Path) -> None:
    files = toy_files([lr(0.2)])
    task = files.pop("airesearch.yaml")
    fresh = repository(tmp_path / "lab", files)
    (fresh / "airesearch.yaml").write_text(f"# staged\n{task}")
    git(fresh, "add", "airesearch.yaml")
    (fresh / "airesearch.yaml").write_text(f"# on disk\n{task}")
    said = airesearch(fresh, "init")
    assert (fresh / "airesearch.yaml").read_text() == f"# on disk\n{task}"
    if said.code == 0:
        assert git(fresh, "show", "main:airesearch.yaml") == f"# on disk\n{task}"
    else:
        complains(said, "airesearch.yaml")


def test_a_changed_task_is_said_not_to_count(lab: Path) -> None:
    """The rules in force are those of the trunk; an edit that is not committed changes nothing."""
    with (lab / "airesearch.yaml").open("a") as task:
        task.write("promotion: {min_effect: 100.0}\n")
    said = works(airesearch(lab, "step", "--json"))
    assert said.json()["promoted"]
    assert "airesearch.yaml" in said.err


def test_an_ignored_task_can_be_added(tmp_path: Path) -> None:
    files = toy_files([lr(0.2)])
    task = files.pop("airesearch.yaml")
    fresh = repository(tmp_path / "lab", {**files, ".gitignore": "*.yaml\n"})
    (fresh / "airesearch.yaml").write_text(task)
    complains(airesearch(fresh, "init"), "edits.yaml")
    git(fresh, "add", "-f", "edits.yaml")
    git(fresh, "commit", "-qm", "Script")
    works(airesearch(fresh, "init"))
    assert git(fresh, "status", "--porcelain") == ""


def test_a_task_that_is_a_link(tmp_path: Path) -> None:
    files = toy_files([lr(0.2)])
    (tmp_path / "elsewhere.yaml").write_text(files.pop("airesearch.yaml"))
    fresh = repository(tmp_path / "lab", files)
    (fresh / "airesearch.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    git(fresh, "add", "-A")
    git(fresh, "commit", "-qm", "Link")
    before = seen(fresh)
    complains(airesearch(fresh, "init"), "airesearch.yaml", "link")
    assert seen(fresh) == before


def test_init_while_a_merge_is_under_way(tmp_path: Path) -> None:
    fresh = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    git(fresh, "branch", "side")
    (fresh / "a").write_text("1\n")
    git(fresh, "add", "a")
    git(fresh, "commit", "-qm", "a")
    git(fresh, "merge", "-q", "--no-ff", "--no-commit", "side", "--allow-unrelated-histories")
    before = seen(fresh)
    works(airesearch(fresh, "init"))
    assert seen(fresh).files.items() >= before.files.items()


def gone(lab: Path, tree: Path) -> None:
    shutil.rmtree(tree)


def no_file_of_gits(lab: Path, tree: Path) -> None:
    (tree / ".git").unlink()


def led_to(target: bytes) -> Callable[[Path, Path], object]:
    return lambda lab, tree: (lab / ".git/worktrees" / tree.name / "gitdir").write_bytes(target)


def no_head(lab: Path, tree: Path) -> None:
    (lab / ".git/worktrees" / tree.name / "HEAD").unlink()


def bytes_in_head(lab: Path, tree: Path) -> None:
    (lab / ".git/worktrees" / tree.name / "HEAD").write_bytes(b"ref: \xff\0\n")


def another_repository(lab: Path, tree: Path) -> None:
    gone(lab, tree)
    repository(tree, {"train.py": "print()\n"})


HARMS = [gone, another_repository, no_file_of_gits, led_to(b"\xff\xfe\0x\n"), led_to(b""), 
         led_to(b"/dev/null\n"), led_to(b"x" * 5000), no_head, bytes_in_head]  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_a_stale_worktree_is_stepped_over(
    harm: Callable[[Path, Path], object], tmp_path: Path
) -> None:
    """Of the trunk itself, which a promotion would bring along."""
    lab = toy(tmp_path / "lab", [lr(0.2)])
    git(lab, "worktree", "add", "-q", "-f", str(tmp_path / "tree"), "main")
    harm(lab, tmp_path / "tree")
    said = works(airesearch(lab, "step", "--json"))
    assert said.json()["promoted"]
    assert "LR = 0.2" in (lab / "train.py").read_text()
    for words in (["status"], ["verify"], ["doctor"]):
        assert "Traceback" not in airesearch(lab, *words).err


def test_a_stale_worktree_of_a_shared_lab(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [])
    shared = shared_lab(tmp_path / "shared.git")
    git(lab, "push", "-q", str(shared), "--all")
    git(shared, "worktree", "add", "-q", "-b", "side", str(tmp_path / "tree"), "main")
    (shared / "worktrees" / "tree" / "HEAD").unlink()
    git(lab, "push", "-q", str(shared), "main:refs/heads/idea")


def test_status_and_doctor_say_when_the_checkout_is_behind(lab: Path) -> None:
    assert airesearch(lab, "status", "--json").json()["behind"] is None
    (lab / "train.py").write_text("MINE = 1\n")
    works(airesearch(lab, "step"))
    behind = airesearch(lab, "status", "--json").json()["behind"]
    for words in ("status", "doctor"):
        out = airesearch(lab, words).out
        assert f"left at {behind['at']}" in out
        assert behind["catch_up"] in out
    git(lab, "checkout", "-q", behind["at"], "--", "train.py")
    command = airesearch(lab, "status", "--json").json()["behind"]["catch_up"]
    subprocess.run(["sh", "-ec", command], cwd=lab, check=True)
    assert airesearch(lab, "status", "--json").json()["behind"] is None
    assert "LR = 0.2" in (lab / "train.py").read_text()
