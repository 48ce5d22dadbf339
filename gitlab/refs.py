"""Refs: where branches stand, here and on remotes, and how one moves by compare-and-swap."""

import re
import time
from pathlib import Path

import pygit2
from pygit2.enums import ReferenceType

from .errors import AiresearchError, RefMoved
from .trees import Oid, Repository

_NODE = re.compile(r"refs/(?:heads|remotes/(?P<remote>.+))/node/(?P<id>\d{6,})")
_LOCK_WAIT_SECONDS = 10.0


def node_branch(node: int) -> str:
    """`node/000042`: the branch of a node."""
    return f"node/{node:06d}"


def common_folder(repo: Repository) -> Path:
    """The git folder that all worktrees of the repository share."""
    own = Path(repo.path).resolve()
    link = own / "commondir"
    return (own / link.read_text().strip()).resolve() if link.exists() else own


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
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            with repo.transaction() as transaction:
                transaction.lock_ref(ref)
                _expect(repo, branch, old)
                transaction.set_target(ref, new, message=f"airesearch: {subject}")
            return
        except pygit2.GitError as error:
            if "lock" not in str(error):
                raise
            if time.monotonic() > deadline:
                _break_lock(common_folder(repo) / f"{ref}.lock", error)
            time.sleep(0.02)


def _expect(repo: Repository, branch: str, old: Oid | None) -> None:
    stands = (tip(repo, ref) for ref in places(repo, branch))
    now = next((oid for oid in stands if oid is not None), None)
    if now != old:
        raise RefMoved(f"{branch} is at {now}, not at {old}: another worker moved it")


def _break_lock(lock: Path, error: Exception) -> None:
    """Remove a lock that a killed process left: none is held for longer than a write takes."""
    try:
        age = time.time() - lock.stat().st_mtime
    except FileNotFoundError:
        branch = str(lock)[: -len(".lock")].rpartition("refs/heads/")[2]
        raise AiresearchError(
            f"the branch {branch} cannot be moved: {error}",
            f"see what is in its way: git for-each-ref 'refs/heads/{branch}/**'",
        ) from error
    if age < _LOCK_WAIT_SECONDS:
        raise AiresearchError(
            f"{lock} is taken again and again", "see which git process does it, and try again"
        ) from error
    lock.unlink(missing_ok=True)
