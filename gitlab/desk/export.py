"""A desk as a folder: the readable files, in a git repository of their own.

Its objects are made anew from what the agent may read, so there is nothing in it to dig up. The
repository is written by libgit2 without templates, and no git program and no hook runs here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from ..hooks.install import hook_text
from ..record.unicode import folded
from ..store.trees import EMPTY, Entry, Repository, edit, export_tree, folders_of, walk
from .desk import Desk

RESERVED = ".airesearch"
"""Our own corner of the folder: neither exported from the lab nor taken back."""
_GIT_SETTINGS = {
    # Every key that the user's own configuration could set to something that hinders or runs.
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}


@dataclass(frozen=True)
class ExportedFile:
    """A file as it was written; `oid` is its blob's name in hex, `size` in bytes."""

    oid: str
    size: int
    executable: bool


@dataclass(frozen=True)
class ExportedTree:
    """A folder that a desk was written to: what it held then, and which folder it is."""

    folder: Path
    identity: tuple[int, int]
    """Device and inode, so that another folder in its place is found out."""
    files: Mapping[str, ExportedFile]
    root: str
    """The one commit of its repository, in hex."""
    hidden: tuple[str, ...]
    """The outermost files and folders of the lab's tree in which nothing is readable."""


def export_desk(repo: Repository, desk: Desk, folder: Path, agent: str) -> ExportedTree:
    """Fill the empty `folder` with what the agent may read of `desk`, modes as in the lab `repo`.

    Symlinks and submodules are left out.
    """
    own = pygit2.init_repository(folder, initial_head="main")
    files: dict[str, ExportedFile] = {}
    entries: dict[str, Entry] = {}
    modes = {entry.path: entry.mode for entry in walk(repo, desk.tree())}
    readable = desk.list()
    for path in readable:
        mode = modes.get(path, int(FileMode.BLOB))
        if is_reserved(path) or mode not in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
            continue
        data = desk.read(path)
        entries[path] = Entry(path, own.create_blob(data), mode)
        executable = mode == FileMode.BLOB_EXECUTABLE
        files[path] = ExportedFile(str(entries[path].oid), len(data), executable)
    tree = edit(own, EMPTY, entries)
    export_tree(own, tree, folder, lambda _: True)
    author = pygit2.Signature(agent, f"{agent}@airesearch")
    root = own.create_commit("HEAD", author, author, "The desk\n", tree, [])
    own.index.read_tree(tree)
    own.index.write()
    _configure(own, agent)
    facts = folder.stat()
    seen = {part for path in readable for part in (*folders_of(path), path)}
    outermost = (
        next((part for part in (*folders_of(path), path) if part not in seen), None)
        for path in modes
    )
    hidden = tuple(sorted({part for part in outermost if part is not None}))
    return ExportedTree(folder, (facts.st_dev, facts.st_ino), files, str(root), hidden)


def is_reserved(path: str) -> bool:
    """Whether `path` lies in our own corner of the folder, however its case is spelled."""
    return folded(path).split("/")[0] == RESERVED


def _configure(own: Repository, agent: str) -> None:
    hooks = Path(own.path) / "hooks"
    identity = {
        "user.name": agent,
        "user.email": f"{agent}@airesearch",
        "airesearch.agent": agent,
        "core.hooksPath": str(hooks),
    }
    for key, value in {**identity, **_GIT_SETTINGS}.items():
        own.config[key] = value
    (Path(own.path) / "info" / "exclude").write_text(f"/{RESERVED}/\n")
    hooks.mkdir(exist_ok=True)
    hook = hooks / "pre-commit"
    hook.write_bytes(os.fsencode(hook_text("pre-commit")))
    hook.chmod(0o755)
