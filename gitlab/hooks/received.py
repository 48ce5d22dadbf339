"""A shared bare lab while it is pushed to: its refs as they stand, the pushed objects in sight."""

import os
from collections.abc import Mapping
from pathlib import Path

import pygit2

from ..errors import AiresearchError
from ..lab.lab import Lab, open_repository

_WRITE_FIRST = 100


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
