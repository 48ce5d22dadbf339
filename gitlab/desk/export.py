"""A desk as a folder: the readable files, in a git repository of their own.

Its objects are made anew from what the agent may read, so there is nothing in it to dig up. The
repository is written by libgit2 without templates, and no git program and no hook runs here.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from ..hooks.install import hook_text
from ..store.trees import EMPTY, Entry, Oid, Repository, edit, lay_out, walk
from .desk import Desk

RESERVED = ".airesearch"
"""Our own corner of the folder: neither laid out from the lab nor taken back."""
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
class LaidFile:
    """A file as it was laid out; `oid` is its blob's name in hex, `size` in bytes."""

    oid: str
    size: int
    executable: bool


@dataclass(frozen=True)
class Laid:
    """A folder that was laid out: what it held then, and which folder it is."""

    folder: Path
    identity: tuple[int, int]
    """Device and inode, so that another folder in its place is found out."""
    files: Mapping[str, LaidFile]
    root: str
    """The one commit of its repository, in hex."""
    hidden: tuple[str, ...]
    """The outermost files and folders of the lab's tree in which nothing is readable."""


def lay_out_desk(repo: Repository, desk: Desk, folder: Path, agent: str) -> Laid:
    """Fill the empty `folder` with what the agent may read of `desk`, modes as in the lab `repo`.

    Symlinks and submodules are left out.
    """
    own = pygit2.init_repository(folder, initial_head="main")
    files: dict[str, LaidFile] = {}
    entries: dict[str, Entry] = {}
    modes = {entry.path: entry.mode for entry in walk(repo, desk.tree())}
    for path in desk.list():
        mode = modes.get(path, int(FileMode.BLOB))
        if is_reserved(path) or mode not in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
            continue
        data = desk.read(path)
        entries[path] = Entry(path, own.create_blob(data), mode)
        executable = mode == FileMode.BLOB_EXECUTABLE
        files[path] = LaidFile(str(entries[path].oid), len(data), executable)
    tree = edit(own, EMPTY, entries)
    lay_out(own, tree, folder, lambda _: True)
    root = _start_history(own, tree, agent)
    _configure(own, agent)
    facts = folder.stat()
    identity = (facts.st_dev, facts.st_ino)
    return Laid(folder, identity, files, str(root), _hidden(modes, desk.list()))


def is_reserved(path: str) -> bool:
    """Whether `path` lies in our own corner of the folder, however its case is spelled."""
    return path.partition("/")[0].casefold() == RESERVED


def _hidden(paths: Iterable[str], readable: Iterable[str]) -> tuple[str, ...]:
    seen = {part for path in readable for part in _parts(path)}
    outermost = (next((part for part in _parts(path) if part not in seen), "") for path in paths)
    return tuple(sorted(set(filter(None, outermost))))


def _parts(path: str) -> list[str]:
    """A path and the folders it lies in, the outermost first."""
    return list(accumulate(path.split("/"), "{}/{}".format))


def _start_history(own: Repository, tree: Oid, agent: str) -> Oid:
    author = pygit2.Signature(agent, f"{agent}@airesearch")
    root = own.create_commit("HEAD", author, author, "The desk\n", tree, [])
    own.index.read_tree(tree)
    own.index.write()
    return root


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
