"""One look through an agent's folder: what changed, what is gone, and what cannot be taken."""

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..record.text import quote_path
from ..store.trees import is_sound
from .export import Laid, is_reserved
from .safe_open import Content, Unfit, opened, read_plain

_DEEPEST = 64
_LONGEST_PATH = 1024


@dataclass(frozen=True)
class Bounds:
    """How much a folder may have grown; `bytes` is the new content of all files together."""

    bytes: int
    files: int = 10_000
    """New files and folders, those that are ignored too."""


class _Full(Exception):
    """More in the folder than is looked at."""


class Survey:
    """Looks below the open folder `root`; new files that are `ignored` are left out.

    The folder is walked without recursion, and each step down is opened anew from `root` without
    following a link, so that neither its depth nor what replaces a part of it meanwhile matters.
    """

    def __init__(
        self, root: int, laid: Laid, bounds: Bounds, ignored: Callable[[str], bool]
    ) -> None:
        self.changed: dict[str, bytes] = {}
        """New content by path."""
        self.modes: set[str] = set()
        """The files whose executable bit is another one now."""
        self._root = root
        self._laid = laid
        self._ignored = ignored
        self._most_files = bounds.files
        self._room = bounds.bytes
        self._new = 0
        self._there: set[str] = set()
        self._reasons: list[str] = []
        self._folders = [""]
        self._known = {*laid.files, *(f for path in laid.files for f in _prefixes(path))}
        try:
            while self._folders:
                self._list(self._folders.pop())
        except _Full:
            self._reasons.append(f"the folder holds more than {self._most_files:,} new files")

    def reasons(self) -> list[str]:
        """Everything that cannot be taken."""
        return [*sorted(self._reasons), *_collisions(self._there - set(self.changed), self.changed)]

    def removed(self) -> tuple[str, ...]:
        """What was laid out and is gone, in order."""
        return tuple(sorted(set(self._laid.files) - self._there))

    def _list(self, folder: str) -> None:
        try:
            with opened(self._root, folder) as here, os.scandir(here) as entries:
                for entry in entries:
                    self._take(here, f"{folder}/{entry.name}".lstrip("/"), entry)
        except OSError as error:
            self._refuse(folder, f"cannot be read: {error.strerror}")

    def _take(self, here: int, path: str, entry: os.DirEntry[str]) -> None:
        if path == ".git" or is_reserved(path):
            return
        if path not in self._known:
            self._new += 1
            if self._new > self._most_files:
                raise _Full
            if self._ignored(path):
                return
        if fault := _fault(path):
            self._refuse(path, fault)
        elif entry.is_dir(follow_symlinks=False):
            self._folders.append(path)
        else:
            self._read(here, path)

    def _read(self, here: int, path: str) -> None:
        self._there.add(path)
        laid = self._laid.files.get(path)
        most = self._room + (laid.size if laid else 0)
        try:
            self._compare(path, read_plain(here, path.rpartition("/")[2], most))
        except Unfit as unfit:
            self._refuse(path, str(unfit))
        except OSError as error:
            self._refuse(path, f"cannot be read: {error.strerror}")

    def _compare(self, path: str, content: Content) -> None:
        laid = self._laid.files.get(path)
        if content.executable != (laid is not None and laid.executable):
            self.modes.add(path)
        if laid is not None and laid.oid == _blob_name(content.data):
            return
        self._room -= len(content.data)
        if self._room < 0:
            self._room = 0
            raise Unfit("is too large for what may be new in all")
        self.changed[path] = content.data

    def _refuse(self, path: str, why: str) -> None:
        self._reasons.append(f"{quote_path(path) if path else 'the folder'} {why}")


def _fault(path: str) -> str:
    """What is wrong with a path itself, '' where nothing is."""
    if not is_sound(path):
        is_git = path.rpartition("/")[2].casefold() == ".git"
        return "is a git repository inside it" if is_git else "is not a path inside the lab"
    if path.count("/") >= _DEEPEST:
        return f"lies more than {_DEEPEST} folders deep"
    if len(os.fsencode(path)) > _LONGEST_PATH:
        return f"is a path of more than {_LONGEST_PATH:,} bytes"
    return ""


def _blob_name(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()


def _collisions(old: Iterable[str], new: Iterable[str]) -> Iterator[str]:
    """New paths that a file system which folds case or unicode forms takes for another one."""
    spelled: dict[str, str] = {}
    for path in sorted(old):
        for part in (*_prefixes(path), path):
            spelled.setdefault(_folded(part), part)
    for path in sorted(new):
        for part in (*_prefixes(path), path):
            first = spelled.setdefault(_folded(part), part)
            if first != part:
                yield f"{quote_path(part)} is {quote_path(first)} where case is not told apart"


def _prefixes(path: str) -> Iterator[str]:
    """The folders a path lies in, the outermost first."""
    names = path.split("/")[:-1]
    return ("/".join(names[: count + 1]) for count in range(len(names)))


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())
