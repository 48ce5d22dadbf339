"""Objects, read through dulwich; each is hashed and checked before anything believes it."""

from typing import TypeVar

from dulwich.object_store import BaseObjectStore
from dulwich.objects import Blob, ObjectID, Tree
from dulwich.objects import Commit as GitCommit

from .form import commit_parts, require_tree
from .values import EMPTY, FOLDER, GITLINK, Commit, Entry, Unsound, object_id

_NUMBERS = {Blob.type_num: "blob", GitCommit.type_num: "commit", Tree.type_num: "tree"}

_Kind = TypeVar("_Kind", GitCommit, Tree)


class DulwichObjects:
    """The objects of a repository; `values.Objects` says what each method gives."""

    def __init__(self, store: BaseObjectStore) -> None:
        self._store = store
        self._commits: dict[str, Commit] = {}
        self._trees: dict[str, dict[str, Entry]] = {EMPTY: {}}
        self._faults: dict[str, frozenset[str]] = {}
        """What is wrong with an object and all below it; the empty tree need not be stored."""

    @property
    def checked(self) -> int:
        """How many objects were hashed and checked so far."""
        return len(self._commits) + len(self._faults)

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
        known = frozenset[str]() if since == EMPTY else self._below(since)
        return sorted(self._below(tree) - known)

    def _below(self, oid: str, is_folder: bool = True) -> frozenset[str]:
        """What is wrong with an object and all below it; each object is looked at once."""
        if oid not in self._faults:
            try:
                found: list[frozenset[str]] = []
                if is_folder:
                    inside = [e for e in self.tree(oid).values() if e.mode != GITLINK]
                    found = [self._below(entry.oid, entry.mode == FOLDER) for entry in inside]
                else:
                    self._raw(oid, "blob")
                self._faults[oid] = frozenset().union(*found)
            except Unsound as unsound:
                self._faults[oid] = frozenset([str(unsound)])
        return self._faults[oid]

    def _raw(self, oid: str, kind: str) -> bytes:
        try:
            number, data = self._store.get_raw(ObjectID(oid.encode()))
        except KeyError as error:
            raise Unsound(f"{kind} {oid} is missing") from error
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
