"""The user's checkouts: each follows a branch that moved under it, but only when it is clean."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pygit2
from pygit2.enums import DeltaStatus, FileStatus, RepositoryOpenFlag

from ..errors import AiresearchError, RefMoved
from ..isolated import own_git
from ..store.file_lock import lock_if_possible
from ..store.refs import common_folder, remove_ref, swap_ref, tip
from ..store.settings import setting_names

BEHIND = "refs/worktree/airesearch-behind"
"""The commit that a checkout was left at, which its branch has moved on from since."""
_OF_FILES = re.compile(r"filter\..+|core\.(autocrlf|eol|attributesfile)")
_PATCH = '"$(git rev-parse --git-dir)/mine.patch"'
_PATIENCE = 10.0
"""Seconds to wait for another worker at the checkouts."""
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds to wait for a git that has the index, a user's `git status` say."""


@contextmanager
def checkouts(repo: pygit2.Repository, branch: str) -> "Iterator[list[Checkout]]":
    """The checkouts that have `branch` checked out: the main one and linked worktrees.

    Only one worker is at them at a time: of two that each knew them before the other's move, the
    second could not tell where they stand.
    """
    ref = b"refs/heads/" + os.fsencode(branch)
    folders = [folder for folder, head in worktrees(repo) if head == ref]
    lock = lock_if_possible(common_folder(repo) / "airesearch/checkouts", patience=_PATIENCE)
    with lock if folders else nullcontext():
        repos = [_opened(folder, common_folder(repo)) for folder in folders]
        yield [Checkout(found, branch) for found in repos if found and not found.is_bare]


def _opened(folder: Path, common: Path) -> pygit2.Repository | None:
    """The repository of a worktree; None where it is none any more, or another's."""
    try:
        found = pygit2.Repository(folder, RepositoryOpenFlag.NO_SEARCH)
    except pygit2.GitError:
        return None
    is_ours = common_folder(found) == common and _knows_its_checkout(found)
    return found if is_ours else None


def _knows_its_checkout(repo: pygit2.Repository) -> bool:
    """Whether its checkout is its own: libgit2 takes for it whatever folder a git folder lies in.

    After `git init --separate-git-dir` only the checkout itself says which its git folder is.
    """
    if repo.is_bare or "core.worktree" in repo.config:
        return True
    return pygit2.discover_repository(repo.workdir) == repo.path


def worktrees(repo: pygit2.Repository) -> Iterator[tuple[Path, bytes]]:
    """Where each worktree lies and the ref it has: the main one, first; by its git folder where it
    is not the one that `repo` was opened in.

    One that is gone, or of which what git keeps is damaged, is left out.
    """
    common = common_folder(repo)
    linked = common / "worktrees"
    for own in (common, *(sorted(linked.iterdir()) if linked.is_dir() else ())):
        with suppress(OSError, ValueError):
            head = (own / "HEAD").read_bytes().removeprefix(b"ref:").strip()
            if own == common:
                is_open = Path(repo.path).resolve() == common and repo.workdir
                yield (Path(repo.workdir) if is_open else own), head
                continue
            # Git writes an absolute path there, or a relative one where it is told to.
            place = own / os.fsdecode((own / "gitdir").read_bytes().strip())
            if place.name == ".git" and os.path.isdir(place.parent):  # noqa: PTH112, any name
                yield place.parent, head


def files_of(repo: pygit2.Repository) -> list[Path]:
    """The folders that hold the lab's files on this machine, as far as it knows: all worktrees.

    Raises AiresearchError where the main one cannot be known: what is sealed in it would be open.
    """
    main, *linked = (folder for folder, _ in worktrees(repo))
    opened = pygit2.Repository(main, RepositoryOpenFlag.NO_SEARCH)
    if not _knows_its_checkout(opened):
        raise AiresearchError(
            f"nobody knows where the main checkout of {opened.path} lies",
            f"say where: git --git-dir {shlex.quote(opened.path)} config core.worktree FOLDER",
        )
    own = [Path(found) for found in (opened.workdir, repo.workdir) if found]
    return list(dict.fromkeys(folder for folder in (*own, *linked) if folder.is_dir()))


def is_changed(repo: pygit2.Repository, path: str) -> bool:
    """Whether a file of the checkout is not as committed."""
    try:
        return not repo.is_bare and repo.status_file(path) != FileStatus.CURRENT
    except (KeyError, pygit2.GitError):
        return True


def catch_up(repo: pygit2.Repository, at: str, new: pygit2.Oid) -> str:
    """What brings a checkout that was left at `at` to `new`, and keeps its changes.

    Git brings no file along that the user changed too: those are put aside first, and merged after.
    """
    follow = f"git read-tree -m -u {at} HEAD && git update-ref -d {BEHIND}"
    promoted = {delta.new_file.raw_path for delta in repo.diff(at, str(new)).deltas}
    changed = own_git("-C", repo.workdir, "diff-index", "--name-only", "-z", at).stdout
    if not promoted.intersection(changed.split(b"\0")):
        return follow
    # Nothing here writes over a file that git does not know.
    return (
        f"git diff-index -p --binary {at} > {_PATCH} && git read-tree -u --reset {at} && "
        f"{follow} && git apply --3way {_PATCH}"
    )


def left_behind(repo: pygit2.Repository, branch: str) -> tuple[str, str] | None:
    """The commit of `branch` that this checkout was left at, and what brings it up to date."""
    at = None if repo.is_bare else tip(repo, BEHIND)
    if at is None or repo.head_is_detached or repo.head.name != f"refs/heads/{branch}":
        return None
    if at == repo.head.peel(pygit2.Commit).id:  # a worker ended before the branch moved
        return None
    short = str(at)[:10]
    return short, catch_up(repo, short, repo.head.peel(pygit2.Commit).id)


class Checkout:
    """A checkout before its branch moves; what it needs is read here, before anything changes.

    A ref of the worktree remembers the commit whose files it has while those are behind the branch:
    written before the branch moves, gone once they follow. So one that was left alone, or whose
    worker was killed in between, is brought along as soon as it is clean.
    """

    def __init__(self, repo: pygit2.Repository, branch: str) -> None:
        self._repo = repo
        self._tip = tip(repo, f"refs/heads/{branch}")
        self._has, self._clean = self._state()

    @property
    def is_behind(self) -> bool:
        """Whether its files are of an older commit than the branch's tip."""
        return self._has != self._tip

    def prepare(self) -> None:
        """Remember which commit's files it has, before the branch moves."""
        known = tip(self._repo, BEHIND)
        if self._has is not None and known != self._has:
            with suppress(RefMoved):  # another worker is at it, and writes the same
                swap_ref(self._repo, BEHIND, known, self._has)

    def follow(self, new: pygit2.Oid) -> str:
        """Bring the files to commit `new`; a sentence for the user where they were left alone."""
        if self._has is None:
            return ""
        obstacle = self._obstacle(self._has, new)
        if not obstacle:
            moved = self._git("read-tree", "-m", "-u", str(self._has), str(new))
            if moved.returncode == 0:
                known = tip(self._repo, BEHIND)
                with suppress(RefMoved):  # another worker has just done it
                    if known is not None:
                        remove_ref(self._repo, BEHIND, known)
                return ""
        at = str(self._has)[:10]
        return (
            f"your checkout {obstacle or 'is locked'} and was left at {at}; to bring it up to date "
            f"and keep your changes: {catch_up(self._repo, at, new)}"
        )

    def _state(self) -> tuple[pygit2.Oid | None, bool]:
        """The commit whose files it has, and whether they are just as committed there."""
        if self._tip is None:
            return None, False
        self._repo.index.read()
        behind = tip(self._repo, BEHIND)
        for commit in filter(None, (self._tip, behind)):
            tree = self._repo[commit].peel(pygit2.Tree)
            if not len(tree.diff_to_index(self._repo.index)):
                self._git("update-index", "-q", "--refresh")
                changed = self._git("diff-files", "--name-only", "--ignore-submodules")
                return commit, changed.returncode == 0 and not changed.stdout.strip()
        return behind or self._tip, False

    def _obstacle(self, old: pygit2.Oid, new: pygit2.Oid) -> str:
        """Why its files are left alone: a file that git does not know, ignored ones included, say.

        Or an environment of Python's: a candidate's file there would be run at each start of it.
        """
        if not self._clean:
            return "has uncommitted changes"
        top = Path(self._repo.workdir)
        for delta in self._repo.diff(str(old), str(new)).deltas:
            path = top / os.fsdecode(delta.new_file.raw_path)
            is_added = delta.status == DeltaStatus.ADDED
            if is_added and (path.is_symlink() or (path.exists() and not path.is_dir())):
                return "has files in the way"
            above = [folder for folder in path.parents if folder.is_relative_to(top)]
            marks = [folder / mark for folder in above for mark in ("pyvenv.cfg", "conda-meta")]
            if path.name == "pyvenv.cfg" or any(mark.exists() for mark in marks):
                return "has a Python environment that the change would write into"
        return ""

    def _git(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        # Of the user's own configuration only what says how content stands in files.
        config = self._repo.config
        names = [name for name in setting_names(config) if _OF_FILES.fullmatch(name)]
        settings = {name: value for name in names if (value := config[name]) is not None}
        for pause in (*_PAUSES, None):
            done = own_git("-C", self._repo.workdir, *words, settings=settings)
            if pause is None or b"index.lock" not in done.stderr:
                break
            time.sleep(pause)
        return done
