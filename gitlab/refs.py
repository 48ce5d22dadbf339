"""Refs: where branches stand, here and on remotes, and how one moves by compare-and-swap."""

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pygit2
from pygit2.enums import ReferenceType
from pygit2.transaction import ReferenceTransaction

from .errors import AiresearchError, RefMoved
from .trees import Oid, Repository

_NODE = re.compile(r"refs/(?:heads|remotes/(?P<remote>.+))/node/(?P<id>\d{6,})")
_LOCK_WAIT_SECONDS = 10.0
_PACK_SECONDS = 600.0
_PASSING = ("lock", "No such file or directory")
"""What libgit2 says where another process has the lock, or `git pack-refs` removed its folder."""
_IS_TAKEN = "failed to lock file"
"""What it says of a lock that another process has, and not of a ref in the way."""
UNREADABLE = Oid(raw=bytes(20))
"""What `target` says of a ref that names no object: an empty file after a power cut, a symbolic."""


def node_branch(node: int) -> str:
    """`node/000042`: the branch of a node."""
    return f"node/{node:06d}"


def common_folder(repo: Repository) -> Path:
    """The git folder that all worktrees of the repository share."""
    return _common(repo.path)


@cache
def _common(path: str) -> Path:
    own = Path(path).resolve()
    link = own / "commondir"
    return (own / link.read_text().strip()).resolve() if link.exists() else own


def _home(repo: Repository, ref: str) -> Path:
    """The folder that the files of a ref are in; those of one worktree alone are in its own."""
    is_own = ref.startswith("refs/worktree/")
    return Path(repo.path).resolve() if is_own else common_folder(repo)


def tip(repo: Repository, ref: str) -> Oid | None:
    """The commit a full ref name points at, or None."""
    found = repo.references.get(ref)
    return None if found is None else Oid(hex=str(found.resolve().target))


def places(repo: Repository, branch: str) -> list[str]:
    """The full refs a branch can stand at, in order: local, then `origin`, then other remotes."""
    remotes = sorted(filter(None, repo.remotes.names()), key=lambda name: (name != "origin", name))
    return [f"refs/heads/{branch}", *(f"refs/remotes/{remote}/{branch}" for remote in remotes)]


def node_tips(repo: Repository) -> dict[int, Oid]:
    """The tip of each node in id order; where it stands in several places, as `places` orders."""
    best: dict[int, tuple[tuple[bool, bool, str], Oid]] = {}
    for ref in repo.references.iterator():
        match = _NODE.fullmatch(ref.name)
        if match is None or ref.type != ReferenceType.DIRECT:
            continue
        remote = match["remote"]
        rank = (remote is not None, remote != "origin", remote or "")
        node = int(match["id"])
        if node not in best or rank < best[node][0]:
            best[node] = (rank, Oid(hex=str(ref.target)))
    return {node: best[node][1] for node in sorted(best)}


def swap(repo: Repository, branch: str, old: Oid | None, new: Oid, subject: str) -> None:
    """Point `branch` at `new` if it still is at `old` (None: it does not exist).

    Raises RefMoved where another worker was first. In a clone, a branch that is only on a remote is
    where the remote has it.
    """
    ref = f"refs/heads/{branch}"

    def move(transaction: ReferenceTransaction) -> None:
        _expect(repo, branch, old)
        transaction.set_target(ref, new, message=f"airesearch: {subject}")

    _under_lock(repo, ref, move)


def target(repo: Repository, ref: str) -> Oid | None:
    """The object a full ref name holds, of any kind; `UNREADABLE` where it names none, or None."""
    try:
        found = repo.references.get(ref)
    except pygit2.GitError:
        return UNREADABLE
    if found is None:
        return None
    return Oid(hex=str(found.target)) if found.type == ReferenceType.DIRECT else UNREADABLE


def swap_ref(repo: Repository, ref: str, old: Oid | None, new: Oid) -> None:
    """Point a ref that is no branch at `new` if `target` still is `old`, and not `UNREADABLE`.

    Raises RefMoved where another worker was first.
    """

    def move(transaction: ReferenceTransaction) -> None:
        _expect_target(repo, ref, old)
        transaction.set_target(ref, new)

    _under_lock(repo, ref, move)


def remove_ref(repo: Repository, ref: str, old: Oid) -> None:
    """Remove a ref that is no branch if `target` still is `old`; raises RefMoved like `swap_ref`.

    Where packed-refs names it too, libgit2 would rewrite that file from what it read before it
    locked it, and lose what `git pack-refs` has put there meanwhile, branches among it. So the
    ref's own file goes here, and git takes out what is packed. A ref that is being packed in this
    very moment can be there again afterwards, as it was.
    """
    packed: Oid | None = None

    def unlink(_: ReferenceTransaction) -> None:
        nonlocal packed
        _expect_target(repo, ref, old)
        (_home(repo, ref) / ref).unlink(missing_ok=True)
        packed = target(repo, ref)

    _under_lock(repo, ref, unlink)
    if packed is not None:
        # It refuses where the ref is at another value by now: that is another worker's.
        _let_git(repo, "update-ref", "-d", ref, str(packed))


def pack_refs(repo: Repository) -> None:
    """Have git put all refs into its one file; where it cannot now, or another does, it is not."""
    home = common_folder(repo)
    with (home / "packing-refs.lock").open("wb") as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Git removes its own lock whatever ends it, but for a kill; it packs in seconds.
        left = home / "packed-refs.lock"
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _PACK_SECONDS:
                left.unlink()
        _let_git(repo, "pack-refs", "--all")


def without_git_variables() -> dict[str, str]:
    """Our environment for a git that is told what to open: its own variables point elsewhere."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}


def _let_git(repo: Repository, *words: str) -> None:
    subprocess.run(
        ["git", "--git-dir", common_folder(repo), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=without_git_variables(),
        check=False,
    )


def _expect_target(repo: Repository, ref: str, old: Oid | None) -> None:
    now = target(repo, ref)
    if now != old:
        raise RefMoved(f"{ref} is at {now}, not at {old}: another worker moved it")


def names_below(repo: Repository, folder: str) -> set[str]:
    """The names of the refs right below `folder`, such as `refs/x`, without reading all others.

    libgit2 only lists every ref there is: 50 ms where a lab has 100,000 nodes, against 3 ms.
    """
    home = common_folder(repo)
    names = set[str]()
    with suppress(FileNotFoundError, NotADirectoryError):
        names.update(path.name for path in (home / folder).iterdir() if path.suffix != ".lock")
    with suppress(FileNotFoundError):
        packed = (home / "packed-refs").read_bytes()
        found = re.findall(rb" %b/([^/\n]+)\n" % re.escape(folder.encode()), packed)
        names.update(os.fsdecode(name) for name in found)
    return names


def _under_lock(repo: Repository, ref: str, move: Callable[[ReferenceTransaction], None]) -> None:
    """Let `move` look and write while no other process can write `ref`."""
    refused: float | None = None
    while True:
        try:
            with repo.transaction() as transaction:
                transaction.lock_ref(ref)
                move(transaction)
            return
        except pygit2.GitError as error:
            if not any(word in str(error) for word in _PASSING):
                raise
            # Not since we began: whoever is halted for long has not waited for anybody, and finds
            # that its own lock was broken meanwhile.
            refused = refused or time.monotonic()
            waited = time.monotonic() - refused
            if waited > _LOCK_WAIT_SECONDS:
                is_last = waited > 3 * _LOCK_WAIT_SECONDS
                _break_lock(_home(repo, ref) / f"{ref}.lock", error, is_last)
            time.sleep(0.02)


def _expect(repo: Repository, branch: str, old: Oid | None) -> None:
    stands = (tip(repo, ref) for ref in places(repo, branch))
    now = next((oid for oid in stands if oid is not None), None)
    if now != old:
        raise RefMoved(f"{branch} is at {now}, not at {old}: another worker moved it")


def _break_lock(lock: Path, error: Exception, is_last: bool) -> None:
    """Remove a lock that a killed process left: none is held for longer than a write takes.

    Where it is held by one after the other, raises if this `is_last` try.
    """
    try:
        with lock.open("rb") as file:
            # One at a time breaks it, and no lock but this: the next one's holder is alive.
            fcntl.flock(file, fcntl.LOCK_EX)
            facts = lock.stat()
            if time.time() - facts.st_mtime >= _LOCK_WAIT_SECONDS:
                lock.unlink()
            elif is_last:
                raise AiresearchError(
                    f"{lock} is taken again and again",
                    "see which git process does it, and try again",
                ) from error
    except FileNotFoundError:
        if _IS_TAKEN in str(error) and not is_last:
            return  # and is free by now
        branch = str(lock)[: -len(".lock")].rpartition("refs/heads/")[2]
        raise AiresearchError(
            f"the branch {branch} cannot be moved: {error}",
            f"see what is in its way: git for-each-ref 'refs/heads/{branch}/**'",
        ) from error
