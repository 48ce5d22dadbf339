"""One holder at a time, whatever becomes of the file; no locks at all is an error with a mend."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pygit2
import pytest
from airesearch.agents.executors.slots import Slots
from airesearch.gitlab.lab.checkout import checkouts
from airesearch.gitlab.lab.housekeeping import pack_loose_objects
from airesearch.gitlab.remote.publish import Wire
from airesearch.gitlab.store.file_lock import NoLocks, file_lock, lock_if_possible
from airesearch.gitlab.store.refs import pack_refs, remove_ref, swap_ref
from toys import git, repository

# Takes a lock as it is told, says so, and holds it until its stdin ends.
HOLDER = """
import sys
from pathlib import Path
from airesearch.gitlab.store.file_lock import file_lock
with file_lock(Path(sys.argv[1]), shared=sys.argv[2] == "shared") as is_ours:
    print(is_ours, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def hold(path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Has another process hold the lock, `shared` or `alone`."""
    holders: list[subprocess.Popen[str]] = []

    def start(how: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        argv = [sys.executable, "-c", HOLDER, str(path), how]
        holders.append(subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True))
        assert holders[-1].stdout is not None and holders[-1].stdout.readline() == "True\n"
        return holders[-1]

    yield start
    for holder in holders:
        with holder:
            holder.kill()


Hold = Callable[[str], subprocess.Popen[str]]


def is_free(path: Path, *, shared: bool = False) -> bool:
    with file_lock(path, shared=shared, patience=0) as is_ours:
        return is_ours


@pytest.mark.parametrize(("theirs", "ours", "free"), [
    ("alone", "alone", False), ("alone", "shared", False),
    ("shared", "alone", False), ("shared", "shared", True),
])  # fmt: skip
def test_alone_or_beside_others(path: Path, hold: Hold, theirs: str, ours: str, free: bool) -> None:
    hold(theirs)
    assert is_free(path, shared=ours == "shared") is free


def test_a_killed_holder_is_waited_for_no_longer(path: Path, hold: Hold) -> None:
    holder = hold("alone")
    assert not is_free(path)
    holder.kill()
    with file_lock(path) as is_ours:
        assert is_ours


def test_a_file_that_was_deleted_is_not_what_others_lock(path: Path, hold: Hold) -> None:
    hold("alone")
    path.unlink()
    assert is_free(path)


def test_a_file_deleted_as_it_is_locked_is_made_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, deleted = fcntl.flock, []

    def flock(handle: int, how: int) -> None:
        real(handle, how)
        if not deleted:
            deleted.append(path.unlink())

    monkeypatch.setattr(fcntl, "flock", flock)
    with file_lock(path) as is_ours:
        assert is_ours and deleted and path.exists()
        assert not is_free(path)


def test_what_is_only_courtesy_goes_on_without(path: Path, hold: Hold) -> None:
    with lock_if_possible(path / "no" / "folder", patience=0):
        pass
    hold("alone")
    with lock_if_possible(path, patience=0.05):
        pass


def slot(lab: Path) -> AbstractContextManager[object]:
    return Slots(lab / "slots", 1).take()


def place(lab: Path) -> AbstractContextManager[object]:
    return checkouts(pygit2.Repository(lab), "main")


def remove(lab: Path) -> None:
    repo = pygit2.Repository(lab)
    blob = repo.create_blob(b"x")
    swap_ref(repo, "refs/x/y", None, blob)
    remove_ref(repo, "refs/x/y", blob)


def fetch(lab: Path) -> None:
    git(lab, "remote", "add", "origin", str(lab))
    Wire(pygit2.Repository(lab)).fetch("main")


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP], ids=["ENOLCK", "EOPNOTSUPP"])
@pytest.mark.parametrize(
    "use",
    [
        slot,
        place,
        remove,
        fetch,
        lambda lab: pack_refs(pygit2.Repository(lab)),
        lambda lab: pack_loose_objects(lab / ".git"),
    ],
    ids=["slot", "checkouts", "remove", "fetch", "pack refs", "pack objects"],
)
def test_a_file_system_without_locks_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    use: Callable[[Path], AbstractContextManager[object] | None],
    error: int,
) -> None:
    lab = repository(tmp_path / "lab", {"a": "1"})
    (lab / ".git" / "airesearch").mkdir()

    def flock(*_: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(NoLocks) as said:  # noqa: PT012
        if (opened := use(lab)) is not None:
            with opened:
                pass
    assert said.value.what == f"files cannot be locked here: {os.strerror(error)}"
    assert "NFS with its lock service" in said.value.mend
