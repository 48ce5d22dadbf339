"""Objects, read through dulwich; each is hashed and checked before anything believes it."""

import hashlib

from dulwich.object_store import BaseObjectStore
from dulwich.objects import ZERO_SHA, Blob, ObjectID, ShaFile, Tree
from dulwich.objects import Commit as GitCommit

from ..errors import RecordError
from ..record.records import Record, parse
from .values import Commit, Entry

FOLDER, GITLINK = 0o040000, 0o160000
NOTHING = ZERO_SHA.decode()
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_NUMBERS = {Blob.type_num: "blob", GitCommit.type_num: "commit", Tree.type_num: "tree"}


class Unsound(Exception):
    """An object that is missing, is not what its name says, or does not parse."""


def object_id(kind: str, data: bytes) -> str:
    """The name git gives to `data`."""
    head = b"%s %d\0" % (kind.encode(), len(data))
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()


class Objects:
    """The objects of a repository. Every method raises Unsound where an object is."""

    def __init__(self, store: BaseObjectStore) -> None:
        self._store = store
        self._commits: dict[str, Commit] = {}
        self._records: dict[str, Record | RecordError | None] = {}
        self._trees: dict[str, dict[str, Entry]] = {EMPTY: {}}
        self._faults: dict[str, frozenset[str]] = {}

    @property
    def checked(self) -> int:
        """How many objects were hashed and checked so far."""
        return len(self._commits) + len(self._faults)

    def commit(self, oid: str) -> Commit:
        """A commit."""
        if oid not in self._commits:
            found = self._parsed(oid, "commit")
            assert isinstance(found, GitCommit)
            self._commits[oid] = Commit(
                oid,
                found.tree.decode(),
                tuple(parent.decode() for parent in found.parents),
                found.author.decode("utf-8", "surrogateescape"),
                found.commit_time,
                found.message.decode("utf-8", "surrogateescape"),
            )
        return self._commits[oid]

    def record(self, oid: str) -> Record | None:
        """What a commit records, None for a commit that claims nothing. Raises RecordError."""
        if oid not in self._records:
            try:
                self._records[oid] = parse(self.commit(oid).message)
            except RecordError as error:
                self._records[oid] = error
        found = self._records[oid]
        if isinstance(found, RecordError):
            raise found
        return found

    def tree(self, oid: str) -> dict[str, Entry]:
        """The entries of one tree object by name, in git's order."""
        if oid not in self._trees:
            found = self._parsed(oid, "tree")
            assert isinstance(found, Tree)
            self._trees[oid] = {
                name.decode("utf-8", "surrogateescape"): Entry(mode, sha.decode())
                for name, mode, sha in found.iteritems()
            }
        return self._trees[oid]

    def blob(self, oid: str) -> bytes:
        """The content of a file."""
        return self._raw(oid, "blob")

    def faults(self, tree: str) -> frozenset[str]:
        """What is wrong with a tree and all below it, one sentence for each object."""
        if tree not in self._faults:
            try:
                below = [self._below(entry) for entry in self.tree(tree).values()]
                self._faults[tree] = frozenset().union(*below)
            except Unsound as unsound:
                self._faults[tree] = frozenset([str(unsound)])
        return self._faults[tree]

    def _below(self, entry: Entry) -> frozenset[str]:
        if entry.mode == FOLDER:
            return self.faults(entry.oid)
        if entry.oid not in self._faults and entry.mode != GITLINK:
            try:
                self._raw(entry.oid, "blob")
                self._faults[entry.oid] = frozenset()
            except Unsound as unsound:
                self._faults[entry.oid] = frozenset([str(unsound)])
        return self._faults.get(entry.oid, frozenset())

    def _parsed(self, oid: str, kind: str) -> ShaFile:
        data = self._raw(oid, kind)
        number = Tree.type_num if kind == "tree" else GitCommit.type_num
        try:
            found = ShaFile.from_raw_string(number, data)
            found.check()
        except Exception as error:  # the bytes are anybody's: what stops dulwich is their fault
            raise Unsound(f"{kind} {oid} does not parse: {_said(error)}") from error
        return found

    def _raw(self, oid: str, kind: str) -> bytes:
        try:
            number, data = self._store.get_raw(ObjectID(oid.encode()))
        except KeyError as error:
            raise Unsound(f"{kind} {oid} is missing") from error
        except Exception as error:  # as above: a damaged file raises whatever it likes
            raise Unsound(f"{kind} {oid} cannot be read: {_said(error)}") from error
        if _NUMBERS.get(number) != kind:
            raise Unsound(f"{oid} is no {kind}")
        if object_id(kind, data) != oid:
            raise Unsound(f"{kind} {oid} does not hash to its name")
        return data


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
