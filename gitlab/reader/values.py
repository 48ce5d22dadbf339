"""What a reader gives of git's objects, and what it takes to be one."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

FOLDER, GITLINK, PLAIN_FILE = 0o040000, 0o160000, 0o100644
NOTHING = "0" * 40
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Unsound(Exception):
    """An object that is missing, is not what its name says, or does not parse."""


class Entry(NamedTuple):
    """One name in a tree object: git's mode and the object."""

    mode: int
    oid: str


class Edit(NamedTuple):
    """One path that differs between two trees; an absent side is None."""

    path: str
    old: Entry | None
    new: Entry | None


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit object, sound and parsed. `time` is the committer's, in Unix seconds.

    `authored` is the author's. `encoding` is what it claims for its message, empty where it
    claims none.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    authored: int
    time: int
    message: str
    encoding: str


class Objects(Protocol):
    """The objects of a repository, by their names. Every method raises Unsound where one is.

    There are two, which share no code: by dulwich for `verify`, by libgit2 for a push.
    """

    def commit(self, oid: str) -> Commit:
        """A commit."""

    def tree(self, oid: str) -> Mapping[str, Entry]:
        """The entries of one tree object by name, in git's order."""

    def blob(self, oid: str) -> bytes:
        """The content of a file."""

    def unsound(self, tree: str, since: str) -> Iterable[str]:
        """What is wrong at or below a tree and not below `since`: a sentence for each object."""


def object_id(kind: str, data: bytes) -> str:
    """The name git gives to `data`."""
    head = b"%s %d\0" % (kind.encode(), len(data))
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()
