"""Objects, read through dulwich; each is hashed and checked before anything believes it."""

import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from dulwich.errors import ObjectFormatException
from dulwich.object_store import BaseObjectStore
from dulwich.objects import Blob, ObjectID, Tree
from dulwich.objects import Commit as GitCommit

from .form import commit_parts, inside_out, require_tree, size_fault
from .values import EMPTY, FOLDER, GITLINK, Commit, Entry, Unsound, object_id

_NUMBERS = {Blob.type_num: "blob", GitCommit.type_num: "commit", Tree.type_num: "tree"}

_Kind = TypeVar("_Kind", GitCommit, Tree)
_Place = tuple[str, bool]
"""An object, and whether it is in its place as a folder."""


class _Below(NamedTuple):
    """What an object and all below it come to."""

    faults: frozenset[str]
    height: int
    files: int


_NOTHING_BELOW = _Below(frozenset(), 0, 0)


class DulwichObjects:
    """The objects of a repository; `values.Objects` says what each method gives."""

    def __init__(self, store: BaseObjectStore) -> None:
        self._store = store
        self._commits: dict[str, Commit] = {}
        self._trees: dict[str, dict[str, Entry]] = {EMPTY: {}}
        self._below: dict[_Place, _Below] = {}
        """What was looked at; the empty tree need not be stored."""

    @property
    def checked(self) -> int:
        """How many objects were hashed and checked so far."""
        return len(self._commits) + len(self._below)

    def commit(self, oid: str) -> Commit:
        """A commit."""
        if oid not in self._commits:
            head, message = commit_parts(oid, self._raw(oid, "commit"))
            # What others added to the head says nothing here, and dulwich could trip over it.
            found = _parsed(GitCommit(), oid, head + b"\n" + message)
            self._commits[oid] = Commit(
                oid,
                found.tree.decode(),
                tuple(parent.decode() for parent in found.parents),
                found.author.decode("utf-8", "surrogateescape"),
                found.author_time,
                found.commit_time,
                found.message.decode("utf-8", "surrogateescape"),
                (found.encoding or b"").decode("utf-8", "replace"),
            )
        return self._commits[oid]

    def tree(self, oid: str) -> dict[str, Entry]:
        """The entries of one tree object by name, in git's order."""
        if oid not in self._trees:
            data = self._raw(oid, "tree")
            require_tree(oid, data)
            found = _parsed(Tree(), oid, data)
            self._trees[oid] = {
                name.decode("utf-8", "surrogateescape"): Entry(mode, sha.decode())
                for name, mode, sha in found.iteritems()
            }
        return self._trees[oid]

    def blob(self, oid: str) -> bytes:
        """The content of a file."""
        return self._raw(oid, "blob")

    def unsound(self, tree: str, since: str) -> list[str]:
        """What is wrong at or below a tree and not below `since`."""
        if tree == since:
            return []
        new = self._look((tree, True))
        old = _NOTHING_BELOW if since == EMPTY else self._look((since, True))
        found = new.faults - old.faults
        if not size_fault(since, old.height, old.files):
            found |= {size_fault(tree, new.height, new.files)} - {""}
        return sorted(found)

    def _look(self, place: "_Place") -> "_Below":
        """What is known of a folder or file, which is looked at with all below it, once."""
        for here in inside_out(place, self._inside, self._below):
            below = [self._below[inner] for inner in self._inside(here)]
            try:
                self.tree(here[0]) if here[1] else self._raw(here[0], "blob")
                faults = frozenset[str]().union(*(inner.faults for inner in below))
            except Unsound as unsound:
                faults = frozenset([str(unsound)])
            height = here[1] + max((inner.height for inner in below), default=0)
            files = sum(inner.files for inner in below) if here[1] else 1
            self._below[here] = _Below(faults, height, files)
        return self._below[place]

    def _inside(self, place: "_Place") -> "list[_Place]":
        with suppress(Unsound):
            entries = self.tree(place[0]).values() if place[1] else ()
            return [(e.oid, e.mode == FOLDER) for e in entries if e.mode != GITLINK]
        return []

    def _loose(self, oid: str, kind: str, error: Exception) -> tuple[int, bytes]:
        """The kind and the content of an object that has a file of its own."""
        path = Path(os.fsdecode(getattr(self._store, "path", "")), oid[:2], oid[2:])
        try:
            head, _, data = zlib.decompress(path.read_bytes()).partition(b"\0")
        except (OSError, zlib.error):
            raise Unsound(f"{kind} {oid} cannot be read: {error}") from error
        name = head.split(b" ")[0].decode("ascii", "replace")
        return next((number for number, one in _NUMBERS.items() if one == name), 0), data

    def _raw(self, oid: str, kind: str) -> bytes:
        try:
            number, data = self._store.get_raw(ObjectID(oid.encode()))
        except KeyError as error:
            raise Unsound(f"{kind} {oid} is missing") from error
        except ObjectFormatException as error:
            # Of a file of its own dulwich will not give what it cannot parse to the end.
            number, data = self._loose(oid, kind, error)
        except Exception as error:  # as above: a damaged file raises whatever it likes
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise Unsound(f"{kind} {oid} cannot be read: {why}") from error
        if _NUMBERS.get(number) != kind:
            raise Unsound(f"{oid} is no {kind}")
        if object_id(kind, data) != oid:
            raise Unsound(f"{kind} {oid} does not hash to its name")
        return data


def _parsed(kind: _Kind, oid: str, data: bytes) -> _Kind:
    try:
        kind.set_raw_string(data)
        kind.check()
    except Exception as error:  # the bytes are anybody's: what stops dulwich is their fault
        raise Unsound(f"{kind.type_name.decode()} {oid} does not parse") from error
    return kind
