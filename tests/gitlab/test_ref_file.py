"""A ref is written under git's lock and logged after it moved, whatever is in its way."""

import os
import time
from pathlib import Path

import pygit2
import pytest
from airesearch.gitlab.errors import AiresearchError, RefMoved
from airesearch.gitlab.store import ref_file, refs
from airesearch.gitlab.store.ref_file import locked
from airesearch.gitlab.store.refs import pack_refs, remove_ref, swap, swap_ref, target, tip
from toys import git, repository

ME = pygit2.Signature("Ada", "ada@example.org", 1_700_000_000, -210)
BRANCH, REF = "node/000001", "refs/heads/node/000001"
HOUR = 3600


@pytest.fixture
def repo(tmp_path: Path) -> pygit2.Repository:
    """Two commits on main."""
    folder = repository(tmp_path / "lab", {"a": "1"})
    git(folder, "commit", "-q", "--allow-empty", "-m", "second")
    return pygit2.Repository(folder)


@pytest.fixture
def home(repo: pygit2.Repository) -> Path:
    return Path(repo.path)


def ends(repo: pygit2.Repository) -> tuple[pygit2.Oid, pygit2.Oid]:
    """The two commits, older first."""
    last = repo.head.peel(pygit2.Commit)
    return last.parent_ids[0], last.id


def test_git_reads_what_was_written_and_what_was_logged(
    repo: pygit2.Repository, home: Path
) -> None:
    first, last = ends(repo)
    swap(repo, BRANCH, None, first, ME, "one")
    swap(repo, BRANCH, first, last, ME, "two")
    folder = home.parent
    assert git(folder, "rev-parse", BRANCH).strip() == str(last)
    form = "--format=%H %gn <%ge> %gd %gs"
    said = git(folder, "reflog", "--date=iso", form, BRANCH).splitlines()
    who = "Ada <ada@example.org> node/000001@{2023-11-14 18:43:20 -0330} airesearch:"
    assert said == [f"{last} {who} two", f"{first} {who} one"]
    assert list((home / "refs" / "heads" / "node").iterdir()) == [home / REF]
    git(folder, "fsck", "--strict")


def test_the_log_of_head_goes_along(repo: pygit2.Repository, home: Path) -> None:
    first, last = ends(repo)
    swap(repo, "main", last, first, ME, "back")
    assert (
        git(home.parent, "reflog", "-1", "--format=%H %gs").strip() == f"{first} airesearch: back"
    )


@pytest.mark.parametrize("wish", ["true", "always", "false"])
def test_git_s_wish_for_logs_counts(repo: pygit2.Repository, home: Path, wish: str) -> None:
    repo.config["core.logAllRefUpdates"] = wish
    swap(repo, BRANCH, None, ends(repo)[0], ME, "one")
    assert (home / "logs" / REF).exists() == (wish != "false")


def test_a_bare_repository_begins_no_logs(tmp_path: Path, repo: pygit2.Repository) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo.workdir), "bare")
    bare = pygit2.Repository(tmp_path / "bare")
    swap(bare, BRANCH, None, ends(repo)[0], ME, "one")
    assert not (tmp_path / "bare" / "logs").exists()


def test_a_log_that_cannot_be_written_holds_nothing_up(repo: pygit2.Repository, home: Path) -> None:
    (home / "logs" / REF).mkdir(parents=True)
    swap(repo, BRANCH, None, ends(repo)[0], ME, "one")
    assert tip(repo, REF) == ends(repo)[0]


@pytest.mark.parametrize(
    ("other", "packed"), [("node", False), ("node", True), ("node/000001/x", False)]
)
def test_a_branch_in_the_way(repo: pygit2.Repository, home: Path, other: str, packed: bool) -> None:
    git(home.parent, "branch", other)
    if packed:
        git(home.parent, "pack-refs", "--all")
    with pytest.raises(AiresearchError, match="node/000001 cannot be moved"):
        swap(repo, BRANCH, None, ends(repo)[0], ME, "one")
    assert not list(home.rglob("*.lock"))


def test_empty_folders_are_not_in_the_way(repo: pygit2.Repository, home: Path) -> None:
    (home / REF / "x" / "y").mkdir(parents=True)
    swap(repo, BRANCH, None, ends(repo)[0], ME, "one")
    assert tip(repo, REF) == ends(repo)[0]


def test_an_error_under_the_lock_lets_go_of_it(home: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(home, REF):
        _ = 1 / 0
    assert not list(home.rglob("*.lock"))


@pytest.mark.parametrize("off", [-HOUR, 0, HOUR])
def test_a_lock_that_was_left_is_broken_whatever_the_clock_says(
    repo: pygit2.Repository, home: Path, off: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ref_file, "_WAIT_SECONDS", 0.2)
    lock = home / f"{REF}.lock"
    lock.parent.mkdir()
    lock.touch()
    now = lock.stat().st_mtime
    os.utime(lock, (now + off, now + off))
    swap(repo, BRANCH, None, ends(repo)[0], ME, "one")
    assert not lock.exists()


def test_a_folder_for_a_lock(
    repo: pygit2.Repository, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ref_file, "_WAIT_SECONDS", 0.1)
    (home / f"{REF}.lock").mkdir(parents=True)
    with pytest.raises(AiresearchError, match="cannot be moved"):
        swap(repo, BRANCH, None, ends(repo)[0], ME, "one")


def test_who_was_taken_for_dead_writes_nothing(
    repo: pygit2.Repository, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halted under the lock until another broke it, moved the branch, and a third is at it."""
    monkeypatch.setattr(ref_file, "_WAIT_SECONDS", 0.1)
    first, last = ends(repo)
    with locked(home, REF) as halted:
        swap(repo, BRANCH, None, first, ME, "theirs")
        with locked(home, REF) as third:
            with pytest.raises(RefMoved):
                halted.write(last, synced=True)
            third.write(first, synced=False)
    assert tip(repo, REF) == first
    assert (home / "logs" / REF).read_text().count("\n") == 1
    assert not list(home.rglob("*.lock"))


def test_of_many_that_wait_for_a_lock_that_was_left_one_breaks_it_and_wins(
    repo: pygit2.Repository, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them breaks the lock of whoever came next, or gives up for it."""
    monkeypatch.setattr(ref_file, "_WAIT_SECONDS", 1.0)
    lock = home / f"{REF}.lock"
    lock.parent.mkdir()
    lock.touch()
    first, children = ends(repo)[0], []
    for _ in range(8):
        if (child := os.fork()) == 0:
            code = 2
            try:
                swap(pygit2.Repository(repo.path), BRANCH, None, first, ME, "one")
                code = 0
            except RefMoved:
                code = 1
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(codes) == [0] + [1] * 7
    assert tip(repo, REF) == first


@pytest.mark.parametrize("is_packed", [False, True])
def test_no_ref_is_removed_while_we_pack(
    repo: pygit2.Repository, monkeypatch: pytest.MonkeyPatch, is_packed: bool
) -> None:
    """It would be there again: git has read it, and writes it down."""
    ref, blob = "refs/airesearch/x", repo.create_blob(b"x")
    (Path(repo.path) / "airesearch").mkdir()
    swap_ref(repo, ref, None, blob)
    if is_packed:
        pack_refs(repo)
    git_itself = refs.own_git

    def slow_pack(*words: str) -> object:
        if "pack-refs" not in words:
            return git_itself(*words)
        if (child := os.fork()) == 0:
            remove_ref(pygit2.Repository(repo.path), ref, blob)
            os._exit(0)
        children.append(child)
        time.sleep(0.3)
        assert target(repo, ref) == blob
        return None

    children: list[int] = []
    monkeypatch.setattr(refs, "own_git", slow_pack)
    pack_refs(repo)
    assert [os.waitpid(child, 0)[1] for child in children] == [0]
    assert target(repo, ref) is None
