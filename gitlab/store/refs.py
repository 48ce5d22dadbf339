"""Refs: where branches stand, here and on remotes, and how one moves by compare-and-swap."""

import fcntl
import os
import re
import subprocess
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import pygit2
from pygit2.enums import ReferenceType

from ..errors import RefMoved
from ..events import emit
from ..isolated import GIT, NOWHERE
from .file_lock import turn
from .ref_file import in_the_way, locked
from .ref_log import log_move
from .trees import Oid, Repository

_NODE = re.compile(r"refs/(?:heads|remotes/(?P<remote>.+))/node/(?P<id>[0-9]{6}|[1-9][0-9]{6,})")
_PACK_SECONDS = 600.0
_REMOVING, _PATIENCE = "removing", 2.0
"""Either one packs refs or many remove some: what goes as it is being packed is there again."""
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


def swap(
    repo: Repository, branch: str, old: Oid | None, new: Oid, by: pygit2.Signature, subject: str
) -> None:
    """Point `branch` at `new` if it still is at `old` (None: it does not exist).

    It is on disk then, and logged as git would. Raises RefMoved where another worker was first. In
    a clone, a branch that is only on a remote is where the remote has it.
    """
    ref = f"refs/heads/{branch}"
    home = common_folder(repo)
    with locked(home, ref) as mine:
        here = _expect(repo, branch, old)
        emit("commit: ref locked")
        if here is None:
            _require_place(repo, ref)
        mine.write(new, synced=True)
    log_move(repo, home, ref, here, new, by, f"airesearch: {subject}")


def target(repo: Repository, ref: str) -> Oid | None:
    """The object a full ref name holds, of any kind; `UNREADABLE` where it names none, or None."""
    try:
        found = repo.references.get(ref)
    except pygit2.GitError:
        return UNREADABLE
    if found is None:
        return None
    return Oid(hex=str(found.target)) if found.type == ReferenceType.DIRECT else UNREADABLE


def swap_ref(repo: Repository, ref: str, old: Oid | None, new: Oid, *, synced: bool = True) -> None:
    """Point a ref that is no branch at `new` if `target` still is `old`, and not `UNREADABLE`.

    It is on disk then, unless it need not be. Raises RefMoved where another worker was first.
    """
    with locked(_home(repo, ref), ref) as mine:
        _expect_target(repo, ref, old)
        mine.write(new, synced=synced)


def remove_ref(repo: Repository, ref: str, old: Oid) -> None:
    """Remove a ref that is no branch if `target` still is `old`; raises RefMoved like `swap_ref`.

    Where packed-refs names it too, git takes it out there. A ref that others than we are packing in
    this very moment can be there again afterwards, as it was.
    """
    home = _home(repo, ref)
    with turn(home, _REMOVING, fcntl.LOCK_SH, _PATIENCE), locked(home, ref) as mine:
        _expect_target(repo, ref, old)
        mine.remove()
        packed = target(repo, ref)
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
        with turn(home, _REMOVING, fcntl.LOCK_EX, _PATIENCE):
            _let_git(repo, "pack-refs", "--all")


def without_git_variables() -> dict[str, str]:
    """Our environment for a git that is told what to open: its own variables point elsewhere."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}


def _let_git(repo: Repository, *words: str) -> None:
    subprocess.run(
        [*GIT, "--git-dir", common_folder(repo), *words],
        cwd=NOWHERE,
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


def _expect(repo: Repository, branch: str, old: Oid | None) -> Oid | None:
    """Where the branch stands in this clone."""
    stands = [tip(repo, ref) for ref in places(repo, branch)]
    now = next((oid for oid in stands if oid is not None), None)
    if now != old:
        raise RefMoved(f"{branch} is at {now}, not at {old}: another worker moved it")
    return stands[0]


def _require_place(repo: Repository, ref: str) -> None:
    """Raises AiresearchError where a branch bears the name of a folder that `ref` would be in."""
    above = ref.rpartition("/")[0]
    while above != "refs/heads":
        if tip(repo, above) is not None:
            raise in_the_way(ref, f"there is a branch {above.removeprefix('refs/heads/')}")
        above = above.rpartition("/")[0]
