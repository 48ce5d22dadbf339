"""A shared bare lab while it is pushed to: its refs as they stand, the pushed objects in sight."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pygit2
from pygit2.enums import ConfigLevel

from ..errors import AiresearchError
from ..lab.checkout import worktrees
from ..lab.lab import Lab, open_repository
from ..record.unicode import has_unseen
from ..store.refs import target
from .push_view import Update

_WRITE_FIRST = 100
_LONGEST_NAME = 250
"""Characters: a clone has it in a file's name, and what is said of it has to be read."""


def open_received(folder: Path, variables: Mapping[str, str]) -> Lab:
    """The bare lab at `folder`, with the objects that git's `variables` hold in quarantine.

    What is written here goes to the quarantine too, so a refused push leaves nothing behind.
    """
    repo = open_repository(folder / variables.get("GIT_DIR", "."))
    quarantine = variables.get("GIT_OBJECT_DIRECTORY")
    if quarantine:
        repo.odb.add_backend(pygit2.OdbBackendLoose(quarantine, -1, False), _WRITE_FIRST)
        repo.odb.add_disk_alternate(quarantine)
    others = variables.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")
    for other in filter(None, others.split(os.pathsep)):
        repo.odb.add_disk_alternate(other)
    return Lab(repo, _trunk(repo))


def trust_repository_alone() -> None:
    """From now on this process reads no git configuration but that of a repository itself.

    Who pushes to a path runs the hook with a HOME of their own, and what is set there would count.
    Nor is it asked who owns the repository: git, who called us, has.
    """
    for level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = ""
    pygit2.settings.owner_validation = False


def standing_faults(lab: Lab, updates: Iterable[Update]) -> Iterator[str]:
    """Why git itself will not, or should not, move a ref from where its client says that it is.

    The old value of an update is what the client believes. And git asks nothing of the refs that it
    leaves to our hook: its settings for them are heeded here.
    """
    config = lab.repo.config
    is_set = {
        name: f"receive.deny{name}" in config and config.get_bool(f"receive.deny{name}")
        for name in ("Deletes", "NonFastForwards")
    }
    head = lab.repo.references["HEAD"].target
    _, *linked = worktrees(lab.repo)
    used = {os.fsdecode(ref) for _, ref in linked}
    for ref, old, new in ((update.ref, update.old, update.new) for update in updates):
        if has_unseen(ref):
            yield f"{ref} holds characters that cannot be shown"
            continue
        if len(ref) > _LONGEST_NAME:
            yield f"{ref[:60]}... is too long a name"
            continue
        stands = target(lab.repo, ref)
        if (None if stands is None else str(stands)) != old:
            there = "not there" if stands is None else f"at {str(stands)[:10]}"
            yield f"{ref} is {there} and not {f'at {old[:10]}' if old else 'new'}: fetch it first"
        elif old is None and new is None:
            yield f"{ref} is deleted, and is not there"
        elif not ref.startswith("refs/heads/"):
            continue
        elif new is None and ref == head:
            yield f"{ref} is deleted, and HEAD names it"
        elif new is None and is_set["Deletes"]:
            yield f"{ref} is deleted, and none is here (receive.denyDeletes)"
        elif ref in used:
            yield f"{ref} is checked out in a worktree of this lab"
        elif old and new and is_set["NonFastForwards"] and not lab.repo.descendant_of(new, old):
            yield f"{ref} is rewritten, and none is here (receive.denyNonFastForwards)"


def settings(repo: pygit2.Repository, key: str) -> tuple[str, ...]:
    """Every value of `key` in git's configuration, in order."""
    return tuple(filter(None, repo.config.get_multivar(key)))


def _trunk(repo: pygit2.Repository) -> str:
    if "airesearch.trunk" in repo.config:
        return str(repo.config["airesearch.trunk"])
    head = repo.references.get("HEAD")
    if head is None or not isinstance(head.target, str):
        raise AiresearchError(
            "HEAD names no branch, so nobody knows which is the trunk",
            "say which: git config airesearch.trunk main",
        )
    return head.target.removeprefix("refs/heads/")
