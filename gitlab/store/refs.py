"""Refs: where branches stand, here and on remotes, and how one moves by compare-and-swap."""

import os
import re
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import pygit2
from pygit2.enums import ReferenceType

from ..errors import RefMoved
from ..events import emit
from ..isolated import own_git
from ..names import node_at, node_places
from .durable import sync
from .file_lock import file_lock, lock_if_possible
from .ref_file import in_the_way, locked
from .ref_log import log_move
from .trees import Oid, Repository

_PACK_SECONDS = 600.0
_REMOVING, _PATIENCE = "airesearch/removing", 2.0
"""Either one packs refs or many remove some: what goes as it is being packed is there again."""
UNREADABLE = Oid(raw=bytes(20))
"""What `target` says of a ref that names no object: an empty file after a power cut, a symbolic."""


def common_folder(repo: Repository) -> Path:
    """The git folder that all worktrees of the repository share."""
    return common_folder_of(repo.path)


@cache
def common_folder_of(path: str) -> Path:
    """The same by the repository's own folder, which need not be opened."""
    own = Path(path).resolve()
    link = own / "commondir"
    return (own / link.read_text().strip()).resolve() if link.exists() else own


def replaced(repo: Repository) -> str:
    """What to tell where plain git shows other objects than there are; empty where it does not."""
    if not names_below(repo, "refs/replace"):
        return ""
    return (
        "plain git shows other objects here than the record has (refs/replace), and airesearch "
        "does not; see them: git replace -l"
    )


def tip(repo: Repository, ref: str) -> Oid | None:
    """The object a full ref name leads to, or None: where it leads nowhere, too."""
    try:
        reference = repo.references.get(ref)
        return None if reference is None else Oid(hex=str(reference.resolve().target))
    except (KeyError, ValueError, pygit2.GitError):  # a broken file, a round of symbolic refs
        return None


def remotes(repo: Repository) -> list[str]:
    """The names of the configured remotes."""
    return list(filter(None, repo.remotes.names()))


def places(repo: Repository, branch: str) -> list[str]:
    """The full refs a branch can stand at, in order: local, then `origin`, then other remotes."""
    return [f"refs/{place}/{branch}" for place in node_places(remotes(repo))]


def branch_tip(repo: Repository, branch: str) -> Oid | None:
    """The commit a branch stands at in the first of its `places`, or None."""
    here = tip(repo, f"refs/heads/{branch}")
    if here is not None:
        return here  # to list the remotes is to read git's configuration
    tips = (tip(repo, ref) for ref in places(repo, branch))
    return next((oid for oid in tips if oid is not None), None)


def node_tips(repo: Repository) -> dict[int, Oid]:
    """The tip of each node in id order; where it stands in several places, as `places` orders."""
    ranks = {place: rank for rank, place in enumerate(node_places(remotes(repo)))}
    best: dict[int, tuple[int, Oid]] = {}
    for ref in repo.references.iterator():
        found = node_at(ref.name, ranks)
        if found is None or ref.type != ReferenceType.DIRECT:
            continue
        rank, node = ranks[found[0]], found[1]
        if node not in best or rank < best[node][0]:
            best[node] = (rank, Oid(hex=str(ref.target)))
    return {node: best[node][1] for node in sorted(best)}


def swap(
    repo: Repository, branch: str, old: Oid | None, new: Oid, by: pygit2.Signature, subject: str
) -> None:
    """Point `branch` at `new` if it still is at `old` (None: it does not exist).

    It is on disk then, with the objects written before, and logged as git would. In a clone, a
    branch that is only on a remote is where the remote has it. Raises RefMoved where another worker
    was first, AiresearchError where a branch bears the name of a folder that this one would be in.
    """
    ref = f"refs/heads/{branch}"
    home = common_folder(repo)
    sync(home / "objects")
    with locked(home, ref) as file:
        now = branch_tip(repo, branch)
        if now != old:
            raise RefMoved(f"{branch} is at {now}, not at {old}: another worker moved it")
        emit("commit: ref locked")
        before = tip(repo, ref)
        if before is None:
            for length in range(1, branch.count("/") + 1):
                above = "/".join(branch.split("/")[:length])
                if tip(repo, f"refs/heads/{above}") is not None:
                    raise in_the_way(ref, f"there is a branch {above}")
        file.write(new, synced=True)
    log_move(repo, home, ref, before, new, by, f"airesearch: {subject}")


def target(repo: Repository, ref: str) -> Oid | None:
    """The object a full ref name holds, of any kind; `UNREADABLE` where it names none, or None."""
    try:
        reference = repo.references.get(ref)
    except (ValueError, pygit2.GitError):
        return UNREADABLE
    if reference is None:
        return None
    return Oid(hex=str(reference.target)) if reference.type == ReferenceType.DIRECT else UNREADABLE


def swap_ref(repo: Repository, ref: str, old: Oid | None, new: Oid, *, synced: bool = True) -> None:
    """Point a ref that is no branch at `new` if `target` still is `old`, and not `UNREADABLE`.

    It is on disk then, unless it need not be. Raises RefMoved where another worker was first.
    """
    with locked(_home(repo, ref), ref) as file:
        _require_target(repo, ref, old)
        file.write(new, synced=synced)


def remove_ref(repo: Repository, ref: str, old: Oid) -> None:
    """Remove a ref that is no branch if `target` still is `old`; raises RefMoved like `swap_ref`.

    Where packed-refs names it too, git takes it out there. A ref that others than we are packing in
    this very moment can be there again afterwards, as it was.
    """
    home = _home(repo, ref)
    with (
        lock_if_possible(home / _REMOVING, shared=True, patience=_PATIENCE),
        locked(home, ref) as file,
    ):
        _require_target(repo, ref, old)
        file.remove()
        packed = target(repo, ref)
    if packed is not None:
        # It refuses where the ref is at another value by now: that is another worker's.
        own_git("--git-dir", common_folder(repo), "update-ref", "-d", ref, str(packed))


def _home(repo: Repository, ref: str) -> Path:
    """The folder that the files of a ref are in; those of one worktree alone are in its own."""
    is_own = ref.startswith("refs/worktree/")
    return Path(repo.path).resolve() if is_own else common_folder(repo)


def _require_target(repo: Repository, ref: str, old: Oid | None) -> None:
    now = target(repo, ref)
    if now != old:
        raise RefMoved(f"{ref} is at {now}, not at {old}: another worker moved it")


def pack_refs(repo: Repository) -> None:
    """Have git put all refs into its one file; where it cannot now, or another does, it is not."""
    home = common_folder(repo)
    with file_lock(home / "packing-refs.lock", patience=0) as is_ours:
        if not is_ours:
            return
        # Git removes its own lock whatever ends it, but for a kill; it packs in seconds.
        left = home / "packed-refs.lock"
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _PACK_SECONDS:
                left.unlink()
        with lock_if_possible(home / _REMOVING, patience=_PATIENCE):
            own_git("--git-dir", home, "pack-refs", "--all")


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
        below = re.findall(rb" %b/([^/\n]+)\n" % re.escape(folder.encode()), packed)
        names.update(os.fsdecode(name) for name in below)
    return names
