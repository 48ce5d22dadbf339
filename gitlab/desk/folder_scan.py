"""What changed in an agent's folder, what is gone, and what cannot be taken."""

import os
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

import pygit2

from ..record.text import quote_path
from ..record.unicode import folded
from ..store.trees import folders_of, is_sound
from .export import ExportedTree, is_reserved
from .safe_open import Unfit, opened, read_plain

_DEEPEST = 64
_LONGEST_PATH = 1024


@dataclass(frozen=True)
class Bounds:
    """How much a folder may have grown; `bytes` is the new content of all files together."""

    bytes: int
    files: int = 10_000
    """New files and folders, those that are ignored too."""


@dataclass(frozen=True)
class FolderScan:
    """A folder against what was exported to it; paths in order."""

    changed: Mapping[str, bytes]
    """New content by path."""
    removed: tuple[str, ...]
    other_modes: tuple[str, ...]
    """The files whose executable bit is another one now."""
    reasons: tuple[str, ...]
    """Why something in it cannot be taken."""


def scan_folder(
    root: int, exported: ExportedTree, bounds: Bounds, ignored: Callable[[str], bool]
) -> FolderScan:
    """Compare the open folder `root` with what was exported; new files that are `ignored` are not.

    The folder is walked without recursion, and each step down is opened anew from `root` without
    following a link, so that neither its depth nor what replaces a part of it meanwhile matters.
    """
    walk = _Walk(root, exported, bounds, ignored)
    try:
        while walk.folders:
            walk.list_folder(walk.folders.pop())
    except _TooManyFiles:
        walk.reasons.append(f"the folder holds more than {bounds.files:,} new files")
    collisions = _collisions(walk.seen - set(walk.changed), set(walk.changed))
    return FolderScan(
        dict(sorted(walk.changed.items())),
        tuple(sorted(set(exported.files) - walk.seen)),
        tuple(sorted(walk.other_modes)),
        (*sorted(walk.reasons), *collisions),
    )


class _TooManyFiles(Exception):
    """More is in the folder than is looked at."""


class _Walk:
    """A scan under way."""

    def __init__(
        self, root: int, exported: ExportedTree, bounds: Bounds, ignored: Callable[[str], bool]
    ) -> None:
        self.folders = [""]
        """Those still to be listed."""
        self.seen: set[str] = set()
        """All files but those that are ignored."""
        self.changed: dict[str, bytes] = {}
        self.other_modes: set[str] = set()
        self.reasons: list[str] = []
        self._root = root
        self._old = exported.files
        self._known = {*self._old, *(folder for path in self._old for folder in folders_of(path))}
        self._ignored = ignored
        self._files_left = bounds.files
        self._bytes_left = bounds.bytes

    def list_folder(self, folder: str) -> None:
        """Look at each entry of a folder. Raises _TooManyFiles."""
        try:
            with opened(self._root, folder) as handle, os.scandir(handle) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}".lstrip("/")
                    if not (path == ".git" or is_reserved(path) or self._is_left_out(path)):
                        self._look_at(handle, path, entry)
        except OSError as error:
            self._refuse(folder, f"cannot be read: {error.strerror}")

    def _is_left_out(self, path: str) -> bool:
        if path in self._known:
            return False
        self._files_left -= 1
        if self._files_left < 0:
            raise _TooManyFiles
        return self._ignored(path)

    def _look_at(self, folder: int, path: str, entry: os.DirEntry[str]) -> None:
        is_git = entry.name.casefold() == ".git"
        if not is_sound(path):
            fault = "is a git repository inside it" if is_git else "is not a path inside the lab"
            self._refuse(path, fault)
        elif path.count("/") >= _DEEPEST:
            self._refuse(path, f"lies more than {_DEEPEST} folders deep")
        elif len(os.fsencode(path)) > _LONGEST_PATH:
            self._refuse(path, f"is a path of more than {_LONGEST_PATH:,} bytes")
        elif entry.is_dir(follow_symlinks=False):
            self.folders.append(path)
        else:
            self.seen.add(path)
            try:
                self._compare(folder, path, entry.name)
            except Unfit as unfit:
                self._refuse(path, str(unfit))
            except OSError as error:
                self._refuse(path, f"cannot be read: {error.strerror}")

    def _compare(self, folder: int, path: str, name: str) -> None:
        old = self._old.get(path)
        content = read_plain(folder, name, self._bytes_left + (old.size if old else 0))
        if content.executable != (old is not None and old.executable):
            self.other_modes.add(path)
        if old is not None and old.oid == str(pygit2.hash(content.data)):
            return
        self._bytes_left -= len(content.data)
        if self._bytes_left < 0:
            self._bytes_left = 0
            raise Unfit("is too large for what may be new in all")
        self.changed[path] = content.data

    def _refuse(self, path: str, why: str) -> None:
        self.reasons.append(f"{quote_path(path) if path else 'the folder'} {why}")


def _collisions(old: Set[str], new: Set[str]) -> Iterator[str]:
    """New paths that a file system which folds case or unicode forms takes for another one."""
    spelled: dict[str, str] = {}
    for paths in (old, new):
        for path in sorted(paths):
            for part in (*folders_of(path), path):
                first = spelled.setdefault(folded(part), part)
                if paths is new and first != part:
                    yield f"{quote_path(part)} is {quote_path(first)} where case is not told apart"
