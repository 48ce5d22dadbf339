"""What the reader gives of objects: commits, names in trees, and where two trees differ."""

from dataclasses import dataclass
from typing import NamedTuple


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
    """A commit object, sound and parsed. `time` is the committer's, in Unix seconds."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    time: int
    message: str
